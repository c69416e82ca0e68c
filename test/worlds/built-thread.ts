/** Makes a file of threads runnable: vitest compiles what it imports itself, but not what a new thread does. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/** A compiled file and all that it imports, in a folder of their own. */
export interface BuiltThread {
  readonly file: URL;
  remove(): void;
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};
const IMPORT = /^(?:import|export)\b[^;]*?from ['"](\.[^'"]+)['"];/gm;

/** `source` is a path from the root of the repository. */
export const builtThread = (source: string): BuiltThread => {
  const folder = mkdtempSync(join(tmpdir(), 'threads-'));
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  if (existsSync('dist')) symlinkSync(resolve('dist'), join(folder, 'dist'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  build(source, folder, new Set());
  const file = pathToFileURL(join(folder, source.replace(/[.]ts$/, '.js')));
  return { file, remove: () => rmSync(folder, { recursive: true }) };
};

const build = (source: string, folder: string, built: Set<string>): void => {
  if (built.has(source)) return;
  built.add(source);
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), { compilerOptions: OPTIONS });
  const target = join(folder, source.replace(/[.]ts$/, '.js'));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, outputText);
  // What is left of the imports: those of types alone are gone.
  for (const [, path] of outputText.matchAll(IMPORT))
    build(relative('.', join(dirname(source), path!.replace(/[.]js$/, '.ts'))), folder, built);
};
