import type { SandboxResult } from '../sandbox/types.js';

const addressLine = /(?:ERROR|SUMMARY): (AddressSanitizer|LeakSanitizer): ?([^\n]*)/;
const undefinedLine = /^(?:[^\n:]*:(\d+)(?::\d+)?: )?runtime error: ([^\n]*)/m;

/** Hex addresses, thread names and process ids differ from run to run; a verdict must not. */
function withoutAddresses(text: string): string {
  return text
    .replace(/\b0x[0-9a-f]+\b/g, '0x…')
    .replace(/==\d+==/g, '')
    .trim();
}

/** First sanitizer report in what a program wrote to stderr, in a few words; null when there is none. */
export function findSanitizerReport(stderr: string): string | null {
  const address = addressLine.exec(stderr);
  const undefinedBehaviour = undefinedLine.exec(stderr);
  const first =
    address && (!undefinedBehaviour || address.index < undefinedBehaviour.index)
      ? `${address[1]}: ${address[2]!.replace(/ on (?:unknown )?address .*/, '').replace(/ \(0x[^)]*\).*/, '')}`
      : undefinedBehaviour
        ? `UndefinedBehaviorSanitizer: ${undefinedBehaviour[2]}${undefinedBehaviour[1] === undefined ? '' : ` (line ${undefinedBehaviour[1]})`}`
        : null;
  return first === null ? null : withoutAddresses(first).slice(0, 200);
}

/** Why a driver run did not pass, in a few words. */
export function summarizeRun(result: SandboxResult): string {
  const report = findSanitizerReport(result.stderr);
  if (report !== null) return report;
  if (result.timedOut || result.signal === 'SIGXCPU') return 'timeout';
  if (result.outputExceeded) return 'too much output';
  if (/hard rss limit exhausted/.test(result.stderr)) return 'memory limit';
  if (result.signal !== null) return `killed by ${result.signal}`;
  if (result.exitCode === 0) return 'exited before the driver had finished';
  return `exit ${result.exitCode}`;
}

/** First error of a compiler in a few words. */
export function summarizeCompileError(result: SandboxResult): string {
  if (result.timedOut || result.signal === 'SIGXCPU') return 'compiler timeout';
  if (result.signal !== null) return `compiler killed by ${result.signal}`;
  const line = result.stderr.split('\n').find((text) => /\berror\b|undefined reference/i.test(text));
  return `compile: ${withoutAddresses(line ?? result.stderr.split('\n')[0] ?? 'failed').slice(0, 200)}`;
}
