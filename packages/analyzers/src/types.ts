import type { Finding, Language } from '@srcode/dataset';

export interface AnalyzerInput {
  readonly code: string;
  readonly language: Language;
  /** Source in front of the code (includes, types, helpers) that helps a tool understand it; findings in it are dropped. */
  readonly context?: string;
  /** For messages and file names; never a path outside the sandbox. */
  readonly label?: string;
}

export type Availability =
  | { readonly available: true; readonly version: string }
  | { readonly available: false; readonly reason: string; readonly install: string };

/** One static analyzer behind one interface. */
export interface Analyzer {
  readonly name: string;
  /** True when it needs nothing beyond this package. */
  readonly embedded: boolean;
  detect(signal?: AbortSignal): Promise<Availability>;
  /** Findings of each input, in order. Throws `AnalyzerFailedError` when the tool breaks; a clean input is an empty list. */
  analyze(inputs: readonly AnalyzerInput[], signal?: AbortSignal): Promise<readonly (readonly Finding[])[]>;
}
