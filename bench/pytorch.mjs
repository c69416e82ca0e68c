/** A GPT of PyTorch's in a process of its own, which trains when it is told to: `pytorch.py` is the other side. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** `PYTHON` says whose: Debian's packages belong to its own. */
const PYTHON = process.env.PYTHON ?? '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('pytorch.py', import.meta.url));

/** Whether there is a PyTorch; says how to get one where there is none. */
export const hasPyTorch = () => {
  const isThere = spawnSync(PYTHON, ['-c', 'import torch']).status === 0;
  if (!isThere) console.log(`no PyTorch in ${PYTHON}, nothing to compare with: apt-get install python3-torch`);
  return isThere;
};

export class PyTorch {
  #child = null;
  #answers = null;

  /** `shape` as `pytorch.py` reads it; the process starts with the first steps. */
  constructor(shape) {
    this.shape = shape;
  }

  /** Trains for so many steps: the seconds of each, and of how many cores they kept busy. */
  async train(steps) {
    if (this.#child === null) {
      this.#child = spawn(PYTHON, [SCRIPT, JSON.stringify(this.shape)], { stdio: ['pipe', 'pipe', 'inherit'] });
      this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
      await this.#answer();
    }
    this.#child.stdin.write(`${steps}\n`);
    return await this.#answer();
  }

  async #answer() {
    const { done, value } = await this.#answers.next();
    if (done) throw new Error(`PyTorch ended without an answer, training ${JSON.stringify(this.shape)}`);
    return JSON.parse(value);
  }

  end() {
    this.#child?.stdin.end();
  }
}
