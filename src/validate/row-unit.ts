/** The units that the field names of a row carry (`mem_gb`, `tflops_per_gpu`, ...): nothing past this folder sees them. */
export const GIGA = 1e9;
export const TERA = 1e12;
export const GIBI = 2 ** 30;
export const MILLI = 1e-3;
export const PERCENT = 1e-2;
export const BITS_PER_BYTE = 8;
export const SECONDS_PER_HOUR = 3_600;
export const SECONDS_PER_DAY = 86_400;
