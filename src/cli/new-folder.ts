/** A folder of files that belong together: a list in it says which are ours, and nothing else in it is touched. */
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Named } from './new-file.ts';
import { NewFile, orRefuse, refusal } from './new-file.ts';

/** The list: `mark`, then a name a line. */
const LIST = 'angel-sim-files.txt';

interface Content {
  readonly name: string;
  readonly pieces: () => Iterable<string | Uint8Array>;
}

export class NewFolder {
  readonly #of: Named;
  readonly #mark: string;
  readonly #isNew: boolean;
  /** Files that an earlier command has written there. */
  readonly #before: readonly string[];
  #isDone = false;

  constructor(name: string, { folder, mark }: { readonly folder: string; readonly mark: string }) {
    this.#of = { name, path: resolve(folder, name) };
    this.#mark = mark;
    this.#isNew = orRefuse(this.#of, () => lstatSync(this.#of.path, { throwIfNoEntry: false })) === undefined;
    if (this.#isNew) orRefuse(this.#of, () => mkdirSync(this.#of.path));
    this.#before = oursIn(this.#of, mark);
  }

  /** Puts the files in their places, one after another; those of an earlier command are gone then. */
  write(files: readonly Content[]): void {
    const names = files.map(({ name }) => name);
    this.#refuseStrangers(names);
    this.#list([...new Set([...this.#before, ...names])]);
    for (const { name, pieces } of files) new NewFile(name, { folder: this.#of.path, mark: null }).write(pieces());
    for (const name of this.#before.filter((one) => !names.includes(one)))
      rmSync(join(this.#of.path, name), { force: true });
    this.#list(names);
    this.#isDone = true;
  }

  /** Leaves no folder behind that nothing was written to. */
  drop(): void {
    if (this.#isDone || !this.#isNew) return;
    this.#isDone = true;
    for (const name of oursIn(this.#of, this.#mark)) rmSync(join(this.#of.path, name), { force: true });
    rmSync(join(this.#of.path, LIST), { force: true });
    if (readdirSync(this.#of.path).length === 0) rmdirSync(this.#of.path);
  }

  #list(names: readonly string[]): void {
    const text = `${[this.#mark, ...names].join('\n')}\n`;
    new NewFile(LIST, { folder: this.#of.path, mark: null }).write(text);
  }
  #refuseStrangers(names: readonly string[]): void {
    const found = orRefuse(this.#of, () => readdirSync(this.#of.path));
    const stranger = names.find((name) => found.includes(name) && !this.#before.includes(name));
    if (stranger !== undefined)
      throw refusal(
        { ...this.#of, name: join(this.#of.name, stranger) },
        'is there already, and was not written by this command: wanted another folder',
      );
  }
}

const oursIn = (of: Named, mark: string): readonly string[] => {
  const found = orRefuse(of, () => readdirSync(of.path));
  if (found.length === 0) return [];
  if (!found.includes(LIST))
    throw refusal(of, 'holds files that were not written by this command: wanted a new folder, or an empty one');
  const [first, ...names] = orRefuse(of, () => readFileSync(join(of.path, LIST), 'utf8'))
    .trimEnd()
    .split('\n');
  if (first !== mark) throw refusal(of, `holds a ${LIST} that was not written by this command: wanted another folder`);
  // A name, and never a way out of the folder.
  return names.filter((name) => /^[\w-]+(?:\.[\w-]+)*$/u.test(name));
};
