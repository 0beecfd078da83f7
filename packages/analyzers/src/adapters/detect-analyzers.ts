import { createRulesAnalyzer } from '../rules/create-rules-analyzer.js';
import type { Analyzer, Availability } from '../types.js';
import { createClangTidyAnalyzer } from './clang-tidy.js';
import { type CodeqlOptions, createCodeqlAnalyzer } from './codeql.js';
import { createCppcheckAnalyzer } from './cppcheck.js';
import { createFlawfinderAnalyzer } from './flawfinder.js';
import { createSemgrepAnalyzer, type SemgrepOptions } from './semgrep.js';

export interface CreateAnalyzersOptions {
  readonly semgrep?: SemgrepOptions;
  readonly codeql?: CodeqlOptions;
}

/** Every analyzer there is an adapter for, the embedded rules first; whether it is installed is for `detect` to say. */
export function createAnalyzers(options: CreateAnalyzersOptions = {}): Analyzer[] {
  return [
    createRulesAnalyzer(),
    createCppcheckAnalyzer(),
    createFlawfinderAnalyzer(),
    createClangTidyAnalyzer(),
    createSemgrepAnalyzer(options.semgrep),
    createCodeqlAnalyzer(options.codeql),
  ];
}

export interface DetectedAnalyzer {
  readonly analyzer: Analyzer;
  readonly availability: Availability;
}

/** Analyzers with their version, or the reason why not and how to install, all asked at once. */
export function detectAnalyzers(
  analyzers: readonly Analyzer[] = createAnalyzers(),
  signal?: AbortSignal,
): Promise<DetectedAnalyzer[]> {
  return Promise.all(
    analyzers.map(async (analyzer) => ({ analyzer, availability: await analyzer.detect(signal) })),
  );
}
