/** How strongly programs are confined on this machine, strongest first. */
export type SandboxLevel = 'bubblewrap' | 'unshare' | 'limits-only';

/** What the sandbox gives on this machine, for reports: nothing is claimed that a probe did not show. */
export interface SandboxReport {
  readonly level: SandboxLevel;
  /** True when programs have no network device but a dead loopback. */
  readonly networkIsolated: boolean;
  /** True when programs see a private, read-only root instead of the host's files. */
  readonly filesystemIsolated: boolean;
  /** True when every descendant dies with the run, even one that left its process group. */
  readonly processesIsolated: boolean;
  /** True when programs run under a user id of their own. */
  readonly userIsolated: boolean;
  /** Why a stronger level is not used; empty at the strongest. */
  readonly reasons: readonly string[];
}

export interface SandboxLimits {
  /** Wall clock. Default 10,000. */
  readonly timeoutMs?: number;
  /** CPU time, rounded up to whole seconds. Default: `timeoutMs`. */
  readonly cpuMs?: number;
  /**
   * Address space. Default unlimited: AddressSanitizer reserves terabytes of it, so programs built with it are held
   * by its own `hard_rss_limit_mb` instead (the oracle sets it).
   */
  readonly memoryBytes?: number;
  /** Largest file a program may write. Default 16 MiB. */
  readonly fileSizeBytes?: number;
  /** Processes and threads at one time. Default 32. */
  readonly maxProcesses?: number;
  /** stdout and stderr, each; a program that passes it is killed. Default 1 MiB. */
  readonly maxOutputBytes?: number;
}

export interface SandboxResult {
  /** Exit status, or null when a signal ended the program. */
  readonly exitCode: number | null;
  /** E.g. `SIGSEGV`; null when the program exited by itself. */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly outputExceeded: boolean;
}
