import type { LexicalToken } from '@srcode/code';
import { fail, pass } from '../internal/outcome.js';
import type { PairCheck, SideFacts } from '../types.js';

/** Brackets opened minus closed, by kind; `#if` branches that open the same brace twice leave a surplus. */
function countOpenBrackets(tokens: readonly LexicalToken[]): Readonly<Record<'(' | '[' | '{', number>> {
  const open = { '(': 0, '[': 0, '{': 0 };
  for (const { text } of tokens) {
    if (text === '(' || text === '[' || text === '{') open[text]++;
    else if (text === ')') open['(']--;
    else if (text === ']') open['[']--;
    else if (text === '}') open['{']--;
  }
  return open;
}

/** True when the last token cannot end a function: the text was cut. */
function endsOpen(side: SideFacts): boolean {
  const last = side.tokens.at(-1);
  if (last === undefined) return true;
  if (/^(?:"|'|L"|u8?"|U")/.test(last.text)) return true;
  const unclosedComment =
    side.comments.at(-1)?.startsWith('/*') === true && !side.comments.at(-1)!.endsWith('*/');
  return (
    unclosedComment ||
    !(
      last.text === '}' ||
      last.text === ';' ||
      last.kind === 'preprocessor' ||
      last.line > lastBraceLine(side)
    )
  );
}

/** Line of the last closing brace; what stands on later lines belongs to directives or other declarations. */
function lastBraceLine(side: SideFacts): number {
  for (let at = side.tokens.length - 1; at >= 0; at--)
    if (side.tokens[at]!.text === '}') return side.tokens[at]!.line;
  return Number.POSITIVE_INFINITY;
}

/** The secure side is whole: it ends where a function can end, and its brackets balance as the vulnerable side's do. */
export const checkBalanced: PairCheck = (_record, { secure, vulnerable }) => {
  const before = countOpenBrackets(vulnerable.tokens);
  const after = countOpenBrackets(secure.tokens);
  const evidence = { vulnerableOpen: before, secureOpen: after };
  if (after['{'] > 0 && after['{'] > before['{'])
    return fail(
      'balanced',
      secure.tokens.at(-1)?.text === '}' ? 'unbalanced-braces' : 'secure-truncated',
      `The secure side leaves ${after['{']} more braces open than it closes, the vulnerable side ${before['{']}.`,
      evidence,
    );
  for (const kind of ['(', '[', '{'] as const)
    if (after[kind] !== 0 && after[kind] !== before[kind])
      return fail(
        'balanced',
        'unbalanced-brackets',
        `"${kind}" opens ${after[kind]} times more than it closes in the secure side, ${before[kind]} in the vulnerable one.`,
        evidence,
      );
  if (endsOpen(secure) && !endsOpen(vulnerable))
    return fail('balanced', 'secure-truncated', 'The secure side ends in the middle of something.', evidence);
  if (before['{'] > 0)
    return fail(
      'balanced',
      'source-truncated',
      'The vulnerable side lacks closing braces: it was cut in its source.',
      evidence,
      'warn',
    );
  return pass('balanced');
};
