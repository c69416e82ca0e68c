/** The formats that a trace is written in, and which of them a name on the command line stands for. */

export const TRACE_FORMATS = ['pftrace', 'chrome', 'kineto', 'chakra'] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** A file for each rank, in a folder. */
export const isPerRank = (format: TraceFormat): boolean => format === 'kineto' || format === 'chakra';

const ENDINGS: Readonly<Record<TraceFormat, readonly string[]>> = {
  pftrace: ['.pftrace', '.perfetto-trace'],
  chrome: ['.json'],
  kineto: [],
  chakra: [],
};
const OF_FILES = [...Object.values(ENDINGS).flat(), '.et', '.gz'];

export type FormatReading =
  { readonly kind: 'format'; readonly format: TraceFormat } | { readonly kind: 'misfit'; readonly message: string };

/** By its name's ending, unless `asked` says otherwise; both must fit. */
export const formatFor = (name: string, asked: TraceFormat | null): FormatReading => {
  const ends = (ending: string): boolean => name.toLowerCase().endsWith(ending);
  if (asked === null) {
    const format = TRACE_FORMATS.find((one) => ENDINGS[one].some(ends));
    if (format !== undefined) return { kind: 'format', format };
    return misfit(name, 'wanted a name that ends in .pftrace or .json, or a folder with --format kineto or chakra');
  }
  if (isPerRank(asked))
    return OF_FILES.some(ends)
      ? misfit(name, `--format ${asked} writes a file for each rank; wanted the name of a folder, such as traces/`)
      : { kind: 'format', format: asked };
  return ENDINGS[asked].some(ends)
    ? { kind: 'format', format: asked }
    : misfit(name, `--format ${asked} writes a file; wanted a name that ends in ${ENDINGS[asked].join(' or ')}`);
};

const misfit = (name: string, wanted: string): FormatReading => ({
  kind: 'misfit',
  message: `-o ${name === '' ? '""' : name}: ${wanted}`,
});
