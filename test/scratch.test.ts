import { test } from 'vitest';
import { folded } from '../src/sim/folded.ts';
import { bound } from '../src/sim/bound.ts';
import { message } from '../src/sim/message.ts';
import { tinyJob } from './worlds/jobs.ts';
test('x', () => {
  for (const layout of [{}, {tp:2}, {tp:2,sequenceParallel:true}, {dp:2}, {dp:4,zero:1 as const},{dp:2,zero:2 as const},{dp:2,zero:3 as const},{pp:2},{pp:4},{pp:2,vp:2,schedule:'interleaved' as const},{pp:2,schedule:'gpipe' as const},{tp:2,pp:2,dp:2},{tp:2,pp:2,dp:4,zero:1 as const,sequenceParallel:true}]) {
  for (const overlap of [true,false]) {
  const j0 = tinyJob({layout, recompute: {kind:'full',layers:1}}); const j={...j0, software:{...j0.software, overlap}};
  const e = folded(j), b = bound(j), m = message(j).evaluation;
  console.log(JSON.stringify(layout), overlap, b.step/e.step, (e.step-m.step)*1e9, e.stages.map((s,i)=>s.memory.total-m.stages[i]!.memory.total).join(' '), e.stages.map((s,i)=>s.memory.total-b.stages[i]!.memory.total).join(' '), e.hardwareFlops-m.hardwareFlops, JSON.stringify({...e.sent,control:0})===JSON.stringify({...m.sent,control:0}));
  }}
});
