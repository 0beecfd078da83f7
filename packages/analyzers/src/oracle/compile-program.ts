import type { SandboxWorkDir } from '../sandbox/create-sandbox.js';
import type { WorkDirStep } from '../sandbox/run-context.js';
import type { SandboxResult } from '../sandbox/types.js';
import { assembleProgram, type OracleProgram, passStatus } from './assemble-program.js';
import { type Compiler, compilerPath } from './detect-compiler.js';
import type { HeaderCache } from './precompile-headers.js';
import { screenAnswer } from './screen-answer.js';
import { summarizeCompileError, summarizeRun } from './summarize-run.js';

export interface OracleLimits {
  /** Wall clock of one driver run. Default 5,000; CPU time is held to `cpuMs`. */
  readonly timeoutMs?: number;
  /** CPU time of one driver run. Default 1,000 (the kernel counts whole seconds). */
  readonly cpuMs?: number;
  /** Resident memory of one driver run, by the sanitizer's own limit. Default 256 MiB. */
  readonly memoryBytes?: number;
}

export interface CompileOptions extends OracleLimits {
  readonly compiler: Compiler;
  readonly program: OracleProgram;
  /** Precompiled headers, for speed. Default: none. */
  readonly headers?: HeaderCache;
  /** AddressSanitizer, LeakSanitizer and UBSan. Default true. */
  readonly sanitize?: boolean;
  readonly signal?: AbortSignal;
}

/** Outcome of one driver run. */
export interface DriverRun {
  readonly passed: boolean;
  /** Why not, in a few words; null when it passed. */
  readonly detail: string | null;
  /** True when only the wall clock ended it, which says as much about the machine as about the program. */
  readonly timedOut: boolean;
}

export type CompiledProgram =
  | { readonly compiled: false; readonly detail: string; readonly timedOut: boolean }
  | {
      readonly compiled: true;
      run(mode: 'function' | 'security'): Promise<DriverRun>;
      dispose(): Promise<void>;
    };

const fixedFlags = ['-w', '-O0', '-g0', '-pipe', '-fno-diagnostics-color', '-fmax-errors=1'] as const;
const clangFlags = ['-w', '-O0', '-g0', '-pipe', '-fno-color-diagnostics', '-ferror-limit=1'] as const;
const sanitizeFlags = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'] as const;

/** Flags of the compiler for one program, in order. */
export function compileFlags(
  compiler: Compiler,
  language: OracleProgram['language'],
  sanitize: boolean,
): string[] {
  return [
    ...(compiler.kind === 'gcc' ? fixedFlags : clangFlags),
    language === 'c' ? '-std=gnu17' : '-std=gnu++17',
    ...(sanitize ? sanitizeFlags : []),
    ...compiler.extraFlags,
  ];
}

/** Leaks are looked for in the security run alone: a leak is a weakness, not a wrong answer. */
function sanitizerEnvironment(mode: 'function' | 'security', memoryBytes: number): Record<string, string> {
  const common = `exitcode=86:symbolize=0:allocator_may_return_null=1:hard_rss_limit_mb=${Math.ceil(memoryBytes / 2 ** 20)}`;
  const leaks = mode === 'security' ? 1 : 0;
  return {
    ASAN_OPTIONS: `${common}:detect_leaks=${leaks}:detect_stack_use_after_return=1:max_allocation_size_mb=1024`,
    LSAN_OPTIONS: 'exitcode=86',
    UBSAN_OPTIONS: 'exitcode=86:print_stacktrace=0:halt_on_error=1:symbolize=0',
  };
}

function runStep(mode: 'function' | 'security', options: CompileOptions): WorkDirStep {
  const sanitized = options.sanitize ?? true;
  const memoryBytes = options.memoryBytes ?? 256 * 2 ** 20;
  return {
    command: './program',
    args: [mode],
    access: 'read-only',
    env: sanitized ? sanitizerEnvironment(mode, memoryBytes) : {},
    timeoutMs: options.timeoutMs ?? 5000,
    cpuMs: options.cpuMs ?? 1000,
    ...(sanitized ? {} : { memoryBytes }),
    fileSizeBytes: 2 ** 20,
    maxProcesses: 16,
    maxOutputBytes: 256 * 1024,
  };
}

function compileStep(options: CompileOptions, header: string | null): WorkDirStep {
  const { compiler, program } = options;
  return {
    command: compilerPath(compiler, program.language),
    args: [
      ...compileFlags(compiler, program.language, options.sanitize ?? true),
      ...(header === null ? [] : ['-include', header]),
      ...['-x', program.language === 'c' ? 'c' : 'c++', 'program.c'],
      ...['-x', 'none', '-o', 'program', '-lm'],
    ],
    timeoutMs: 15_000,
    cpuMs: 4000,
    memoryBytes: 2 ** 30,
    fileSizeBytes: 16 * 2 ** 20,
    maxProcesses: 32,
    maxOutputBytes: 64 * 1024,
    stopOnFailure: true,
  };
}

function toDriverRun(result: SandboxResult): DriverRun {
  const passed = result.exitCode === passStatus;
  return { passed, detail: passed ? null : summarizeRun(result), timedOut: result.timedOut };
}

async function openProgram(
  options: CompileOptions,
): Promise<{ workDir: SandboxWorkDir; compile: WorkDirStep }> {
  const { compiler, program, headers } = options;
  const flags = compileFlags(compiler, program.language, options.sanitize ?? true);
  const header = (await headers?.find(program.preamble, program.language, flags)) ?? null;
  const compile = compileStep(options, header);
  return { workDir: await compiler.sandbox.openWorkDir({ 'program.c': assembleProgram(program) }), compile };
}

/**
 * The program built in the sandbox (the answer is hostile to compilers too), ready to run its driver in either
 * mode; or why it does not compile. Caller disposes a compiled program. Throws `SandboxFailedError`,
 * `CancelledError`, and `ToolMissingError` for C++ without a C++ compiler.
 */
export async function compileProgram(options: CompileOptions): Promise<CompiledProgram> {
  const refusal = screenAnswer(options.program.code);
  if (refusal !== null) return { compiled: false, detail: refusal, timedOut: false };
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const { workDir, compile } = await openProgram(options);
  let kept = false;
  try {
    const result = await workDir.run({ ...compile, ...signal });
    if (result.exitCode !== 0)
      return { compiled: false, detail: summarizeCompileError(result), timedOut: result.timedOut };
    kept = true;
    return {
      compiled: true,
      run: async (mode) => toDriverRun(await workDir.run({ ...runStep(mode, options), ...signal })),
      dispose: () => workDir.dispose(),
    };
  } finally {
    if (!kept) await workDir.dispose();
  }
}

/** Outcome of building a program and running its driver both ways. */
export type JudgedProgram =
  | { readonly compiled: false; readonly detail: string; readonly timedOut: boolean }
  | { readonly compiled: true; readonly functional: DriverRun; readonly secure: DriverRun };

/** As `compileProgram` and both runs, in one go: where the sandbox allows, in one set of namespaces. */
export async function judgeProgram(options: CompileOptions): Promise<JudgedProgram> {
  const refusal = screenAnswer(options.program.code);
  if (refusal !== null) return { compiled: false, detail: refusal, timedOut: false };
  const { workDir, compile } = await openProgram(options);
  try {
    const steps = [compile, runStep('function', options), runStep('security', options)];
    const [built, functional, secure] = await workDir.runSteps(steps, options.signal);
    if (built?.exitCode !== 0 || !functional || !secure)
      return {
        compiled: false,
        detail: built ? summarizeCompileError(built) : 'compiler did not start',
        timedOut: built?.timedOut ?? true,
      };
    return { compiled: true, functional: toDriverRun(functional), secure: toDriverRun(secure) };
  } finally {
    await workDir.dispose();
  }
}
