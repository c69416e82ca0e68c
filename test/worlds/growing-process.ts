/** A process that appends lines to a file until it may not, and once more. */
import process from 'node:process';
import { GrowingFile } from '../../src/cli/growing-file.ts';
import { systemCode, systemReason } from '../../src/exec/system-fault.ts';

const [, , path = ''] = process.argv;
const file = new GrowingFile(path, 'a');
for (let refusals = 0; refusals < 2;)
  try {
    file.append(Buffer.from('a line of 25 characters..\n'));
  } catch (error) {
    const code = systemCode(error) ?? '';
    process.stdout.write(`${code}: ${systemReason(code)}\n`);
    refusals++;
  }
