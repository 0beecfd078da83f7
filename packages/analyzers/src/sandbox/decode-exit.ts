import { constants } from 'node:os';
import type { RunProcessResult } from '../internal/run-process.js';

const signalNames = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  // Aliases come later in the table (SIGIOT after SIGABRT): the first name stays.
  if (!signalNames.has(number)) signalNames.set(number, name);
}

/**
 * Exit status and signal of the innermost program. A shell in between reports death by signal `n` as 128 + `n`,
 * which a program could also return by itself; either way it is a failure.
 */
export function decodeExit(result: Pick<RunProcessResult, 'exitCode' | 'signal'>): {
  readonly exitCode: number | null;
  readonly signal: string | null;
} {
  if (result.signal !== null) return { exitCode: null, signal: result.signal };
  const name =
    result.exitCode !== null && result.exitCode > 128 ? signalNames.get(result.exitCode - 128) : undefined;
  return name === undefined ? { exitCode: result.exitCode, signal: null } : { exitCode: null, signal: name };
}
