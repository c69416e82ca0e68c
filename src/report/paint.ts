/** Emphasis by meaning. A report says what a word is; the terminal, if it has colours, decides how that looks. */
export type Emphasis = 'title' | 'faint' | 'good' | 'bad';
export type Paint = (emphasis: Emphasis, text: string) => string;

/** For pipes, files and terminals without colours. */
export const unpainted: Paint = (_emphasis, text) => text;
