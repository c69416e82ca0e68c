/** Counts what a rank does: time by term, FLOPs, bytes sent by axis, bytes copied between card and host. */
import type { Axis } from '../effects/group.ts';
import { AXES } from '../effects/group.ts';
import type { Tier } from '../memory/tier.ts';
import { TIERS } from '../memory/tier.ts';
import { totalRecord } from '../units/total-record.ts';
import type { Term } from './evaluation.ts';
import { TERMS } from './evaluation.ts';

const TERM_INDEX: Readonly<Record<Term, number>> = totalRecord(TERMS, (_, index) => index);
const AXIS_INDEX: Readonly<Record<Axis, number>> = totalRecord(AXES, (_, index) => index);
const TIER_INDEX: Readonly<Record<Tier, number>> = totalRecord(TIERS, (_, index) => index);

export class Meter {
  /** Nanoseconds of the root strand by term. */
  readonly #terms: number[] = TERMS.map(() => 0);
  readonly #sent: number[] = AXES.map(() => 0);
  /** Bytes by the tier that they were copied to. */
  readonly #copied: number[] = TIERS.map(() => 0);
  #flops = 0;

  spend(term: Term, nanoseconds: number): void {
    this.#terms[TERM_INDEX[term]]! += nanoseconds;
  }
  send(axis: Axis, size: number): void {
    this.#sent[AXIS_INDEX[axis]]! += size;
  }
  copy(to: Tier, size: number): void {
    this.#copied[TIER_INDEX[to]]! += size;
  }
  execute(flops: number): void {
    this.#flops += flops;
  }
  /** Adds all that another meter counted, `times` over. */
  add(other: Meter, times = 1): void {
    for (let index = 0; index < this.#terms.length; index++) this.#terms[index]! += times * other.#terms[index]!;
    for (let index = 0; index < this.#sent.length; index++) this.#sent[index]! += times * other.#sent[index]!;
    for (let index = 0; index < this.#copied.length; index++) this.#copied[index]! += times * other.#copied[index]!;
    this.#flops += times * other.#flops;
  }
  /** Adds what another meter counted, its time apart: that of a strand beside the root. */
  addWork(other: Meter): void {
    for (let index = 0; index < this.#sent.length; index++) this.#sent[index]! += other.#sent[index]!;
    for (let index = 0; index < this.#copied.length; index++) this.#copied[index]! += other.#copied[index]!;
    this.#flops += other.#flops;
  }

  /** Nanoseconds over all terms. */
  get spent(): number {
    return this.#terms.reduce((total, nanoseconds) => total + nanoseconds, 0);
  }
  /** Bytes over all axes. */
  get sent(): number {
    return this.#sent.reduce((total, size) => total + size, 0);
  }
  get flops(): number {
    return this.#flops;
  }
  spentOn(term: Term): number {
    return this.#terms[TERM_INDEX[term]]!;
  }
  copiedTo(tier: Tier): number {
    return this.#copied[TIER_INDEX[tier]]!;
  }
  sentOn(axis: Axis): number {
    return this.#sent[AXIS_INDEX[axis]]!;
  }
}
