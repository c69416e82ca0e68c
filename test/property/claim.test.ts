/** Laws of claims: one process has it, a void one goes to exactly one of those who find it, and only its own is released. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Claim, Link, Refused } from '../../src/exec/claim/claim.ts';
import { claimFile, SILENCE_MAX_MS } from '../../src/exec/claim/claim.ts';
import type { Holder } from '../../src/exec/claim/holder.ts';
import { thisProcess } from '../../src/exec/claim/holder.ts';
import { builtThread } from '../worlds/built-thread.ts';

const folder = mkdtempSync(join(tmpdir(), 'claims-'));
const path = join(folder, 'claim');
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => readdirSync(folder).forEach((name) => rmSync(join(folder, name))));

/** What a disk says that links nothing. */
const noLink: Link = () => {
  throw Object.assign(new Error('no links here'), { code: 'ENOTSUP' });
};
const DEAD = 2 ** 22 + 1;
const written = (holder: object): void => writeFileSync(path, JSON.stringify(holder));
/** As if the claim had not been renewed for so long: it is the disk's time that counts. */
const silent = (milliseconds: number): void => {
  const at = (statSync(path).mtimeMs - milliseconds) / 1e3;
  utimesSync(path, at, at);
};
const released = (claim: Claim | Refused): void => {
  if (claim.kind !== 'claim') throw new Error(`process ${claim.holder.process} has it`);
  claim.release();
};

describe.each([
  ['that links', undefined],
  ['that links nothing', noLink],
])('on a disk %s', (_, link) => {
  it('one has it, the next is told who, and a release leaves nothing', () => {
    const first = claimFile(path, link);
    expect(claimFile(path, link)).toMatchObject({
      kind: 'refused',
      isSeen: true,
      holder: { process: thisProcess().process },
    });
    released(first);
    expect(readdirSync(folder)).toEqual([]);
    released(claimFile(path, link));
  });

  it.each<readonly [string, object]>([
    ['of a process that is gone', { ...thisProcess(), process: DEAD }],
    ['of a process whose number another one has now', { ...thisProcess(), since: '1' }],
    ['that says nothing', {}],
  ])('a claim %s is void at once', (__, holder) => {
    written(holder);
    released(claimFile(path, link));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('what is not of this process any more is not released', () => {
    const claim = claimFile(path, link);
    const other = JSON.stringify({ ...thisProcess(), process: DEAD });
    rmSync(path);
    writeFileSync(path, other);
    released(claim);
    expect(readFileSync(path, 'utf8')).toBe(other);
  });

  it('who died while replacing a void claim does not stand in the way of the next', () => {
    const dead = { ...thisProcess(), process: DEAD };
    written(dead);
    const right = rightSeen(link ?? linkSync);
    written(dead);
    writeFileSync(right, JSON.stringify({ ...dead, token: 'died as well' }));
    released(claimFile(path, link));
    expect(readdirSync(folder)).toEqual([]);
  });
});

/** What a process takes beside a void claim while it replaces it. */
const rightSeen = (link: Link): string => {
  const seen: string[] = [];
  const watching: Link = (from, to) => {
    seen.push(to);
    link(from, to);
  };
  released(claimFile(path, watching));
  const right = seen.find((name) => name !== path);
  if (right === undefined) throw new Error('the claim was replaced by nobody');
  return right;
};

describe('of a process that cannot be seen from here', () => {
  const elsewhere: readonly (readonly [string, Partial<Holder>])[] = [
    ['another host', { host: 'elsewhere' }],
    ['another container of the same name', { place: 'another start of the machine' }],
  ];
  it.each(elsewhere)('%s, a claim holds while its time is renewed, and not for longer', (_, place) => {
    written({ ...thisProcess(), ...place });
    silent(SILENCE_MAX_MS / 2);
    expect(claimFile(path)).toMatchObject({ kind: 'refused', isSeen: false });
    silent(SILENCE_MAX_MS + 5_000);
    released(claimFile(path));
    expect(existsSync(path)).toBe(false);
  });
});

const PROCESSES = 4;
const ROUNDS = 60;
describe('processes that find a void claim at once', () => {
  const thread = builtThread('test/worlds/claim-process.ts');
  afterAll(() => thread.remove());
  it(`have it one at a time, ${ROUNDS} times over`, async () => {
    const processes = Array.from({ length: PROCESSES }, () => fork(thread.file, [path]));
    const heard = async (word: string): Promise<readonly string[]> => {
      const answers = processes.map(async (one) => {
        const [answer] = (await once(one, 'message')) as [string];
        return answer;
      });
      processes.forEach((one) => one.send(word));
      return Promise.all(answers);
    };
    for (let round = 0; round < ROUNDS; round++) {
      written({ ...thisProcess(), process: DEAD, token: String(round) });
      const answers = await heard('take');
      expect(answers.toSorted()).toEqual(['claim', 'refused', 'refused', 'refused']);
      await heard('release');
      expect(readdirSync(folder)).toEqual([]);
    }
    processes.forEach((one) => one.disconnect());
    await Promise.all(processes.map((one) => once(one, 'exit')));
  });
});
