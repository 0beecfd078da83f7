import { createSandbox, type Sandbox } from './create-sandbox.js';
import { detectSandbox } from './detect-sandbox.js';
import type { SandboxLevel, SandboxLimits, SandboxResult } from './types.js';

export interface RunSandboxedOptions extends SandboxLimits {
  /** Program, looked up on the sandbox's PATH or relative to the private folder (`./program`). */
  readonly command: string;
  readonly args?: readonly string[];
  /** Relative path → text, written to the private folder before the start. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** There is no way to allow it. */
  readonly network?: false;
  /** Default: the strongest that `detectSandbox` finds. */
  readonly level?: SandboxLevel;
  readonly signal?: AbortSignal;
}

const sandboxes = new Map<SandboxLevel, Sandbox>();

/** The shared sandbox of a level, detected when none is asked for. */
export async function getSandbox(level?: SandboxLevel): Promise<Sandbox> {
  const chosen = level ?? (await detectSandbox()).level;
  let sandbox = sandboxes.get(chosen);
  if (!sandbox) {
    sandbox = createSandbox({ level: chosen });
    sandboxes.set(chosen, sandbox);
  }
  return sandbox;
}

/**
 * Exit status and capped output of an untrusted program run in a private temporary folder, with a scrubbed
 * environment, limits on time, processes, file sizes and output, and, where the level gives them, no network, a
 * read-only root and its own process namespace. The folder is removed afterwards.
 *
 * A program that fails is a result. Throws `SandboxFailedError` when the sandbox cannot be set up and
 * `CancelledError` on abort.
 */
export async function runSandboxed(options: RunSandboxedOptions): Promise<SandboxResult> {
  const { command, args = [], files = {}, level, network: _network, ...limits } = options;
  const sandbox = await getSandbox(level);
  const workDir = await sandbox.openWorkDir(files);
  try {
    return await workDir.run({ command, args, ...limits });
  } finally {
    await workDir.dispose();
  }
}
