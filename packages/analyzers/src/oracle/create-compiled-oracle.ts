import { availableParallelism } from 'node:os';
import { sha256Hex, throwIfCancelled } from '@srcode/core';
import { ToolMissingError } from '../errors.js';
import { createLimiter } from '../internal/create-limiter.js';
import type { SandboxReport } from '../sandbox/types.js';
import { assembleProgram, type OracleProgram } from './assemble-program.js';
import { compileFlags, judgeProgram, type OracleLimits } from './compile-program.js';
import { type Compiler, detectCompiler } from './detect-compiler.js';
import { createHeaderCache, type HeaderCache } from './precompile-headers.js';
import { type Verdict, VerdictCache } from './verdict-cache.js';

/** Bump when flags, harness or limits change what a verdict means. */
const oracleVersion = 1;

export interface CompiledOracleOptions extends OracleLimits {
  /** Default: `detectCompiler()`. */
  readonly compiler?: Compiler;
  /** Folder of the verdict cache. Default: in memory only. */
  readonly cacheDir?: string;
  /** Samples at one time. Default: cores. */
  readonly concurrency?: number;
}

export interface OracleVerdict extends Verdict {
  /** True when an equal program had been judged before. */
  readonly cached: boolean;
}

/** Judges answers by building and running them. */
export interface CompiledOracle {
  readonly compiler: Compiler;
  readonly sandbox: SandboxReport;
  /** Verdict on one answer. Calls may overlap: at most `concurrency` run at a time and equal programs run once. */
  evaluate(program: OracleProgram, signal?: AbortSignal): Promise<OracleVerdict>;
  stats(): { readonly evaluated: number; readonly cacheHits: number; readonly cacheSize: number };
  /** Flushes and closes the cache. */
  close(): Promise<void>;
}

async function judge(
  options: CompiledOracleOptions,
  compiler: Compiler,
  headers: HeaderCache,
  program: OracleProgram,
  signal: AbortSignal | undefined,
): Promise<{ verdict: Verdict; stable: boolean }> {
  const judged = await judgeProgram({
    compiler,
    headers,
    program,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.cpuMs === undefined ? {} : { cpuMs: options.cpuMs }),
    ...(options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!judged.compiled) {
    const verdict = { compiled: false, functional: false, secure: null, detail: judged.detail };
    return { verdict, stable: !judged.timedOut };
  }
  const { functional, secure } = judged;
  const details = [
    functional.detail === null ? null : `function: ${functional.detail}`,
    secure.detail === null ? null : `security: ${secure.detail}`,
  ].filter((detail) => detail !== null);
  return {
    verdict: {
      compiled: true,
      functional: functional.passed,
      secure: secure.passed,
      detail: details.length === 0 ? null : details.join('; '),
    },
    stable: !functional.timedOut && !secure.timedOut,
  };
}

/**
 * The compile-and-sanitizer oracle: one compile and two driver runs per distinct program, each in the sandbox.
 * Throws `ToolMissingError` when no compiler builds sanitized programs here.
 */
export async function createCompiledOracle(options: CompiledOracleOptions = {}): Promise<CompiledOracle> {
  const compiler = options.compiler ?? (await requireCompiler());
  const cache = await VerdictCache.open(options.cacheDir);
  const limit = createLimiter(options.concurrency ?? availableParallelism());
  const headers = createHeaderCache(compiler);
  const inFlight = new Map<string, Promise<Verdict>>();
  let evaluated = 0;
  let cacheHits = 0;

  const keyOf = (program: OracleProgram): string =>
    sha256Hex(
      JSON.stringify([
        oracleVersion,
        compiler.version,
        compileFlags(compiler, program.language, true),
        [options.cpuMs, options.memoryBytes],
        assembleProgram(program),
      ]),
    );

  const start = async (key: string, program: OracleProgram, signal?: AbortSignal): Promise<Verdict> =>
    limit(async () => {
      throwIfCancelled(signal);
      const { verdict, stable } = await judge(options, compiler, headers, program, signal);
      // A wall-clock timeout may be the machine's fault: it is told, and not remembered.
      if (stable) await cache.set(key, verdict);
      return verdict;
    });

  return {
    compiler,
    sandbox: compiler.sandboxReport,
    evaluate: async (program, signal) => {
      throwIfCancelled(signal);
      const key = keyOf(program);
      evaluated++;
      const known = cache.get(key);
      if (known) {
        cacheHits++;
        return { ...known, cached: true };
      }
      const running = inFlight.get(key);
      if (running) {
        cacheHits++;
        return { ...(await running), cached: true };
      }
      const job = start(key, program, signal);
      inFlight.set(key, job);
      try {
        return { ...(await job), cached: false };
      } finally {
        inFlight.delete(key);
      }
    },
    stats: () => ({ evaluated, cacheHits, cacheSize: cache.size }),
    close: () => cache.close(),
  };
}

async function requireCompiler(): Promise<Compiler> {
  const detection = await detectCompiler();
  if (detection.available) return detection.compiler;
  throw new ToolMissingError({
    code: 'COMPILER_MISSING',
    message: `Expected a C compiler with AddressSanitizer, found none (${detection.reason}). ${detection.install}. Without one, the embedded rules can stand in.`,
    context: { reason: detection.reason },
  });
}
