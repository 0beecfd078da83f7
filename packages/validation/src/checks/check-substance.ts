import type { DiffHunk, LexicalToken } from '@srcode/code';
import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** Names of calls that report and do nothing else. Formatting into a buffer is not among them. */
const LOGGING =
  /(?:^|_|[a-z])(?:log|logf|print|printf|printk|puts|perror|trace|tracef|debug|dbg|warn|warning|warnx|err|error|errx|msg|message|notice|info|pr_\w+|syslog|report)(?:_?(?:f|ln|err|debug|info|warn|once|ratelimited))?$/i;
const FORMATS_INTO_BUFFER = /^v?s(?:n|w)?printf$|sprintf|asprintf|strerror/i;

/** 400 tokens: a longer statement is no log line, and looking back further would be quadratic in hostile text. */
const MAX_STATEMENT_TOKENS = 400;

/** Name of the call whose statement holds the token, or null. */
function enclosingCall(tokens: readonly LexicalToken[], at: number): string | null {
  let start = at;
  while (start > 0 && !/^[;{}]$/.test(tokens[start - 1]!.text)) {
    if (at - start >= MAX_STATEMENT_TOKENS) return null;
    start--;
  }
  const name = tokens[start];
  return name?.kind === 'identifier' && tokens[start + 1]?.text === '(' ? name.text : null;
}

function isIdle(tokens: readonly LexicalToken[], start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const token = tokens[at]!;
    if (/^[;,]$/.test(token.text)) continue;
    // A conversion such as "%15s" outside a log line bounds what is read or written.
    if (token.kind === 'string' && !/%[^%\s]/.test(token.text)) continue;
    const call = enclosingCall(tokens, at);
    if (call === null || !LOGGING.test(call) || FORMATS_INTO_BUFFER.test(call)) return false;
  }
  return true;
}

/** Warns where only strings, logging or separators changed: such a pair teaches nothing about security. */
export const checkSubstance: PairCheck = (record, { hunks, secure, vulnerable }) => {
  // A format string is the repair of CWE-134.
  if (record.cwe?.includes('CWE-134')) return pass('substance', 'the weakness lies in strings');
  const idle = (hunk: DiffHunk) =>
    isIdle(vulnerable.tokens, hunk.vulnerableStart, hunk.vulnerableEnd) &&
    isIdle(secure.tokens, hunk.secureStart, hunk.secureEnd);
  if (hunks.length > 0 && hunks.every(idle))
    return fail(
      'substance',
      'only-strings-or-logging',
      'Only strings, logging or separators changed.',
      { hunks: hunks.length },
      'warn',
    );
  return pass('substance');
};
