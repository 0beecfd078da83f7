import type { JobEvent, SrcodeErrorOptions } from '@srcode/core';
import type { Placement, Preset } from './preset.js';

/** One stage that runs in a process of its own. */
export type WorkerTask =
  | { readonly kind: 'pretrain' | 'sft' | 'sft-more'; readonly seed: number }
  | { readonly kind: 'ppo'; readonly placement: Placement; readonly seed: number }
  | { readonly kind: 'bench'; readonly arm: string; readonly seed: number };

export interface WorkerRequest {
  readonly type: 'start';
  readonly runFolder: string;
  readonly preset: Preset;
  readonly task: WorkerTask;
}

export type ToWorker = WorkerRequest | { readonly type: 'abort' };

export type FromWorker =
  | { readonly type: 'event'; readonly event: JobEvent }
  | {
      readonly type: 'done';
      readonly summary: string;
      readonly backend: string;
      /** Largest resident set of the process, bytes. */
      readonly peakBytes: number;
    }
  | {
      readonly type: 'error';
      readonly error: Omit<SrcodeErrorOptions, 'cause'> & { readonly stack: string | undefined };
    };
