import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SrcodeError, throwIfCancelled } from '@srcode/core';
import type { Finding } from '@srcode/dataset';
import { AnalyzerFailedError, ToolMissingError } from '../errors.js';
import { joinContext, keepOwnFindings } from '../internal/join-context.js';
import { type RunProcessResult, runProcess } from '../internal/run-process.js';
import type { LocatedFinding } from '../sarif/read-sarif.js';
import type { Analyzer, AnalyzerInput, Availability } from '../types.js';

/** What an adapter runs its tool with: a private folder of source files, removed afterwards. */
export interface ToolContext {
  readonly folder: string;
  /** Names in the folder, in the order of the inputs. */
  readonly files: readonly string[];
  readonly command: string;
  readonly jobs: number;
  /** Runs the tool or another program in the folder. */
  run(command: string, args: readonly string[]): Promise<RunProcessResult>;
}

export interface ExternalTool {
  readonly name: string;
  /** Program, looked up on the PATH. */
  readonly command: string;
  readonly versionArgs: readonly string[];
  readonly install: string;
  /** Reason why it cannot be used though it is there, e.g. rules not given. */
  readonly missing?: string;
  /** Inputs per process. Default 200. */
  readonly batchSize?: number;
  /** Wall clock per process. Default 300,000. */
  readonly timeoutMs?: number;
  /** Findings by file name of the folder. Throws `AnalyzerFailedError` when the tool broke. */
  analyze(context: ToolContext): Promise<readonly LocatedFinding[]>;
}

/** Tools get the PATH, the home folder (rules and caches live there) and nothing else of the environment. */
function toolEnvironment(): Record<string, string> {
  const env: Record<string, string> = { LC_ALL: 'C.UTF-8' };
  for (const name of ['PATH', 'HOME', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** An error for a tool that ended with something else than findings. */
export function toolBroke(name: string, result: RunProcessResult): AnalyzerFailedError {
  const what = result.timedOut
    ? 'ran past its time limit'
    : result.outputExceeded
      ? 'wrote more than its output limit'
      : `ended with ${result.signal ?? `status ${result.exitCode}`}`;
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-3).join(' ').slice(0, 300);
  return new AnalyzerFailedError({
    code: 'ANALYZER_FAILED',
    message: `Expected findings from ${name}; it ${what}${said === '' ? '' : `: ${said}`}. Run it by hand on the same code, or leave it out.`,
    context: { analyzer: name, exitCode: result.exitCode, signal: result.signal },
  });
}

async function detectTool(tool: ExternalTool, signal: AbortSignal | undefined): Promise<Availability> {
  if (tool.missing !== undefined) return { available: false, reason: tool.missing, install: tool.install };
  try {
    const result = await runProcess({
      command: tool.command,
      args: tool.versionArgs,
      env: toolEnvironment(),
      timeoutMs: 60_000,
      maxOutputBytes: 64 * 1024,
      ...(signal === undefined ? {} : { signal }),
    });
    const version = /\d+(?:\.\d+)+\S*/.exec(`${result.stdout}\n${result.stderr}`)?.[0];
    if (result.exitCode === 0) return { available: true, version: version ?? 'unknown' };
    return {
      available: false,
      reason: `${tool.command} ${tool.versionArgs.join(' ')} ended with ${result.signal ?? `status ${result.exitCode}`}`,
      install: tool.install,
    };
  } catch (error) {
    if (SrcodeError.isInstance(error)) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? `${tool.command} is not on the PATH` : `${tool.command}: ${code}`;
    return { available: false, reason, install: tool.install };
  }
}

/** Code under test may not silence its judge; same length, so that columns stay. */
function withoutSuppressions(text: string): string {
  return text.replace(/NOLINT/g, 'NOL1NT');
}

async function analyzeBatch(
  tool: ExternalTool,
  inputs: readonly AnalyzerInput[],
  signal: AbortSignal | undefined,
): Promise<Finding[][]> {
  const folder = await mkdtemp(join(tmpdir(), `srcode-${tool.name}-`));
  try {
    const joined = inputs.map(joinContext);
    const files = inputs.map(({ language }, index) => `input${index}.${language === 'c' ? 'c' : 'cpp'}`);
    await Promise.all(
      files.map((file, index) => writeFile(join(folder, file), withoutSuppressions(joined[index]!.text))),
    );
    const located = await tool.analyze({
      folder,
      files,
      command: tool.command,
      jobs: availableParallelism(),
      run: (command, args) =>
        runProcess({
          command,
          args,
          cwd: folder,
          env: toolEnvironment(),
          timeoutMs: tool.timeoutMs ?? 300_000,
          maxOutputBytes: 64 * 1024 * 1024,
          ...(signal === undefined ? {} : { signal }),
        }),
    });
    const byFile = new Map<string, Finding[]>(files.map((file) => [file, []]));
    for (const { file, finding } of located)
      byFile.get(file.replace(/^.*[/\\]/, ''))?.push({ ...finding, analyzer: tool.name });
    return files.map((file, index) => keepOwnFindings(byFile.get(file)!, joined[index]!));
  } catch (error) {
    if (SrcodeError.isInstance(error)) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new ToolMissingError({
      code: 'ANALYZER_MISSING',
      message: `Expected ${tool.command} on the PATH, found none. ${tool.install}`,
      context: { analyzer: tool.name },
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An analyzer around an installed tool: many inputs per process, in a private folder, with time and output caps. */
export function createExternalAnalyzer(tool: ExternalTool): Analyzer {
  return {
    name: tool.name,
    embedded: false,
    detect: (signal) => detectTool(tool, signal),
    analyze: async (inputs, signal) => {
      const results: Finding[][] = [];
      const size = tool.batchSize ?? 200;
      for (let start = 0; start < inputs.length; start += size) {
        throwIfCancelled(signal);
        results.push(...(await analyzeBatch(tool, inputs.slice(start, start + size), signal)));
      }
      return results;
    },
  };
}
