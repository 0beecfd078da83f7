import type { Analyzer, AnalyzerInput, CompiledOracle } from '@srcode/analyzers';
import { parseCode } from '@srcode/code';
import { SrcodeError } from '@srcode/core';
import type { BenchTask, Finding } from '@srcode/dataset';
import type { Score, ScoredInput, Scorer } from './types.js';

/** Sets `parsed`: the answer is C or C++ without a syntax error and holds the function asked for (or any, if none is named). */
export function createParseScorer(): Scorer {
  return {
    name: 'parse',
    score: async (inputs) => inputs.map(({ task, code }) => scoreParse(task, code)),
  };
}

function scoreParse(task: BenchTask, code: string): Score {
  try {
    const report = parseCode(code, task.language);
    if (!report.ok) return { parsed: false, detail: 'does not parse' };
    if (report.functions.length === 0) return { parsed: false, detail: 'no function in the answer' };
    const named = report.functions.some(({ name }) => name === task.functionName);
    return task.functionName === null || named
      ? { parsed: true }
      : { parsed: false, detail: `no function ${task.functionName} in the answer` };
  } catch (error) {
    // Too large to parse: an outcome of the sample, not of the run.
    if (SrcodeError.isInstance(error) && error.code === 'CODE_SOURCE_TOO_LARGE')
      return { parsed: false, detail: 'too large to parse' };
    throw error;
  }
}

/** Sets `compiled`, `functional` and `secure` by building the answer with the task's driver and running it both ways. */
export function createOracleScorer(oracle: CompiledOracle): Scorer {
  return {
    name: 'compiled',
    score: (inputs, signal) => Promise.all(inputs.map((input) => scoreOracle(oracle, input, signal))),
  };
}

async function scoreOracle(
  oracle: CompiledOracle,
  { task, code }: ScoredInput,
  signal: AbortSignal | undefined,
): Promise<Score> {
  if (task.driver === null) return {};
  const { language, preamble, driver } = task;
  const verdict = await oracle.evaluate({ language, preamble, driver, code }, signal);
  const { compiled, functional, secure, detail } = verdict;
  // A task without a weakness has no security test to pass.
  return { compiled, functional, secure: task.cwe.length === 0 ? null : secure, detail };
}

function toInput({ task, code }: ScoredInput): AnalyzerInput {
  const base = { code, language: task.language, label: task.id };
  return task.preamble === null ? base : { ...base, context: task.preamble };
}

export interface AnalyzerScorerOptions {
  /** Called when the analyzer breaks on an input; that input gets no findings of it. */
  readonly onFailure?: (taskId: string, message: string) => void;
}

/** Adds an analyzer's findings. A batch that breaks the tool is taken apart, so that one hostile answer costs only itself. */
export function createAnalyzerScorer(analyzer: Analyzer, options: AnalyzerScorerOptions = {}): Scorer {
  const analyze = async (
    inputs: readonly ScoredInput[],
    signal: AbortSignal | undefined,
  ): Promise<readonly (readonly Finding[])[]> => {
    try {
      return await analyzer.analyze(inputs.map(toInput), signal);
    } catch (error) {
      if (!SrcodeError.isInstance(error) || error.code === 'CANCELLED') throw error;
      if (inputs.length === 1) {
        options.onFailure?.(inputs[0]!.task.id, error.message);
        return [[]];
      }
      const half = Math.ceil(inputs.length / 2);
      return [
        ...(await analyze(inputs.slice(0, half), signal)),
        ...(await analyze(inputs.slice(half), signal)),
      ];
    }
  };
  return {
    name: analyzer.name,
    score: async (inputs, signal) => {
      if (inputs.length === 0) return [];
      return (await analyze(inputs, signal)).map((findings) => ({ findings: [...findings] }));
    },
  };
}

/**
 * Stands in for the compiled oracle where there is no compiler: `secure` is true when an answer that parses has no
 * finding of medium or higher severity. Says nothing about function: `compiled` and `functional` stay unmeasured.
 */
export function createRulesStandIn(rules: Analyzer): Scorer {
  return {
    name: 'rules',
    score: async (inputs, signal) => {
      const findings = await rules.analyze(inputs.map(toInput), signal);
      return inputs.map(({ task, code }, index) => {
        const clean = findings[index]!.every(({ severity }) => severity === 'low' || severity === 'info');
        return { secure: scoreParse(task, code).parsed ? clean : null };
      });
    },
  };
}
