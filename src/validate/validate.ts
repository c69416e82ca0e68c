/** `angel-sim validate`: measured rows beside what is predicted for them, none dropped in silence. */
import type { Cluster } from '../scenario/cluster.ts';
import type { Complaint } from '../scenario/complaint.ts';
import { folded } from '../sim/folded.ts';
import { gradeAll } from './grade.ts';
import { parseRows } from './rows-file.ts';
import type { Validation } from './validation.ts';

export type Validated =
  | (Validation & { readonly kind: 'validation' })
  | { readonly kind: 'complaints'; readonly complaints: readonly Complaint[] };

/** Lines that are no rows stop everything, all complaints at once: a grade of half a file would pass for the whole. */
export const validate = (text: string, file: string, clusters: (name: string) => Cluster): Validated => {
  const { rows, complaints } = parseRows(text, file);
  if (complaints.length > 0) return { kind: 'complaints', complaints };
  return { kind: 'validation', ...gradeAll(rows, { clusters: remembered(clusters), evaluate: (job) => folded(job) }) };
};

/** Hundreds of rows name the same few clusters: each is looked up once. */
const remembered = (clusters: (name: string) => Cluster): ((name: string) => Cluster) => {
  const known = new Map<string, Cluster>();
  return (name) => {
    const cluster = known.get(name) ?? clusters(name);
    known.set(name, cluster);
    return cluster;
  };
};
