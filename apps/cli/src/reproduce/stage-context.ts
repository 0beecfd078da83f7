import type { JobEvent } from '@srcode/core';

/** What a stage gets besides its settings. */
export interface StageContext {
  readonly runFolder: string;
  readonly signal: AbortSignal;
  progress(event: JobEvent): void;
}
