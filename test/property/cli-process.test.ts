/** Laws that only a real process can break: threads, pipes and the built files. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../src/cli/package-folder.ts';

const built = packageFile('dist/cli/main.js');
const flags = '--model gpt3-350m --cluster dgx-a100-80g --devices 8 --seq 1024 --gbs 64 --tp 1,2 --pp 1,2'.split(' ');
const run = (...argv: readonly string[]): { status: number | null; stdout: string; stderr: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [built, ...argv], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

describe('the built command', () => {
  it('prints the same bytes whatever the number of threads', () => {
    const [alone, together] = [
      run('plan', ...flags, '--json', '--workers', '1'),
      run('plan', ...flags, '--json', '--workers', '3'),
    ];
    expect({ status: alone.status, stderr: alone.stderr }).toEqual({ status: 0, stderr: '' });
    expect(together).toEqual(alone);
  });
  it('writes nothing but its result into a pipe, and ends with its code', () => {
    expect(run('plan', '--model', 'gpt3-350n')).toMatchObject({ status: 4, stdout: '' });
    expect(run('--version')).toMatchObject({ status: 0, stderr: '' });
  });
  it('does not mind that its reader has seen enough', () => {
    const shell = `"${process.execPath}" "${built}" plan --help | true; exit \${PIPESTATUS[0]}`;
    expect(spawnSync('bash', ['-c', shell], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });
});
