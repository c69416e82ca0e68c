/** A process that takes a claim and releases it when it is told to. */
import process from 'node:process';
import type { Claim, Refused } from '../../src/exec/claim/claim.ts';
import { claimFile } from '../../src/exec/claim/claim.ts';

const [, , path = ''] = process.argv;
const held: { claim: Claim | Refused | null } = { claim: null };

process.on('message', (word) => {
  if (word === 'take') held.claim = claimFile(path);
  else if (held.claim?.kind === 'claim') held.claim.release();
  process.send?.(held.claim?.kind);
});
