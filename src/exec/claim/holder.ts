/** Who holds a claim, as the claim itself says, and whether that process can still be there. */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import { z } from 'zod';
import { systemCode } from '../system-fault.ts';

const holder = z.object({
  host: z.string(),
  /** Tells two containers of one name apart, and a machine before and after it was started again; null: nothing says so. */
  place: z.string().nullable(),
  process: z.int(),
  /** When the process started, which tells two of one number apart; null: nothing says so. */
  since: z.string().nullable(),
  /** No two claims say the same. */
  token: z.string(),
});
export type Holder = Readonly<z.output<typeof holder>>;

export const thisProcess = (): Holder => ({
  host: hostname(),
  place: placeHere(),
  process: process.pid,
  since: startOf(process.pid),
  token: randomUUID(),
});

/** Null: no claim says this. */
export const holderIn = (text: string): Holder | null => {
  try {
    return holder.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
};

/** Null: processes of that place cannot be seen from here. */
export const isAlive = ({ host, place, process: id, since }: Holder): boolean | null => {
  if (host !== hostname() || place !== placeHere()) return null;
  try {
    process.kill(id, 0);
  } catch (error) {
    if (systemCode(error) !== 'EPERM') return false;
  }
  // A number that was given to a new process is told by when that started.
  return since === null ? null : startOf(id) === since;
};

/** The start of the machine, and the processes that see each other on it (pid_namespaces(7)). */
const placeHere = (): string | null =>
  orNull(
    () => `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`,
  );

/** In ticks since the machine started (proc_pid_stat(5), field 22). */
const startOf = (id: number): string | null =>
  orNull(() => {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8');
    // The name of the program, in brackets, may have spaces and brackets of its own.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[START_FIELD] ?? null;
  });
/** Counted from 0, from the field behind the name on. */
const START_FIELD = 19;

/** Null where there is no /proc, or nothing of that in it. */
const orNull = (read: () => string | null): string | null => {
  try {
    return read();
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
};
