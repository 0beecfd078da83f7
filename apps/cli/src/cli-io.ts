import type { JobEvent } from '@srcode/core';

/** Where a command writes. Results go to `out`, everything else to `note`; packages never print. */
export interface CliIo {
  /** A result line on standard output. */
  out(text: string): void;
  /** A line for people on standard error. */
  note(text: string): void;
  /** Progress of a long job; drawn as a bar on a terminal, dropped elsewhere. */
  progress(event: JobEvent): void;
  /** Ends the bar of a stage, if one is drawn. */
  endProgress(): void;
  readonly isTerminal: boolean;
  /** True with `--json`: `out` gets one JSON document and nothing else. */
  readonly json: boolean;
  readonly signal: AbortSignal;
}
