/** What a command may touch: handed in, so that a test can be the terminal. */
export interface Sink {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Columns of the terminal; 80 when it does not say. */
  readonly columns: number;
}

export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** Calls `listener` each time the user interrupts, or the system asks for the end; the answer stops that. */
  readonly onInterrupt: (listener: () => void) => () => void;
  /** Ends the process at once, whatever runs. */
  readonly halt: (code: number) => void;
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0';

/** Progress is for someone who watches: not for pipes, and not for the logs of a build. */
export const isWatched = ({ stderr, environment }: Io): boolean => stderr.isTerminal && !isSet(environment['CI']);

/** https://no-color.org: a NO_COLOR that is not empty wins over everything. */
export const hasColours = ({ stdout, environment }: Io): boolean => {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  return isSet(environment['FORCE_COLOR']) || (stdout.isTerminal && environment['TERM'] !== 'dumb');
};

export const isDebugging = ({ environment }: Io): boolean => isSet(environment['DEBUG']);
