/** Where this package lies on the disk, built or not, and what it says of itself. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** src/cli and dist/cli lie equally deep. */
export const packageFile = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const version = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  throw new Error(`${packageFile('package.json')} names no version`);
};
