/** `angel-sim doctor`: tries what angel-sim needs, now and later, and says what to install. */
import type { Command } from 'commander';
import type { Finding } from '../report/doctor.ts';
import { doctorJson, doctorText } from '../report/doctor.ts';
import { jsonText } from '../report/json.ts';
import { paintFor } from './colours.ts';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import { version } from './package-folder.ts';
import { probeMachine } from './probes.ts';

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  command
    .option('--json', 'print the findings as JSON')
    .action(async (options: { readonly json?: boolean }) => end(await doctor(options, io)));
};

/** Exit 1 when something that this version cannot do without is missing. */
const doctor = async ({ json }: { readonly json?: boolean }, io: Io): Promise<number> => {
  const findings = await probeMachine();
  io.stdout.write(
    json === true ? jsonText(doctorJson(version(), findings)) : doctorText(version(), findings, paintFor(io)),
  );
  return findings.every(isFine) ? EXIT.ok : EXIT.internal;
};

const isFine = (finding: Finding): boolean => !finding.is_required || finding.state === 'ok';
