/** A fenced block of a model's answer. */
export interface CodeBlock {
  readonly code: string;
  /** Span [start, end) of `code` in the answer, UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Info string of the fence in lower case, e.g. `c`, `cpp`; empty without one. */
  readonly language: string;
  /** False when the text ended before the closing fence, as a truncated answer does. */
  readonly closed: boolean;
  /** True when the text has no fence and `code` is the whole of it. */
  readonly whole: boolean;
}

const OPENING = /^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^\n`]*)\r?(?:\n|$)/gm;
const CODE_LANGUAGES = new Set(['c', 'cpp', 'c++', 'cc', 'cxx', 'h', 'hpp', 'c99', 'c11', 'c17']);

/**
 * The code of a model's answer: its first fenced block marked as C or C++, else its first fenced block, else the whole text.
 *
 * A fence closes with at least as many of the same character alone on a line; an unclosed block runs to the end.
 */
export function extractFirstCodeBlock(text: string): CodeBlock {
  let first: CodeBlock | undefined;
  OPENING.lastIndex = 0;
  for (let match = OPENING.exec(text); match; match = OPENING.exec(text)) {
    const block = readBlock(text, match.index + match[0].length, match[1]!, match[2]!);
    if (CODE_LANGUAGES.has(block.language)) return block;
    first ??= block;
    OPENING.lastIndex = closeEnd(text, block);
  }
  return first ?? { code: text, start: 0, end: text.length, language: '', closed: true, whole: true };
}

function readBlock(text: string, start: number, fence: string, info: string): CodeBlock {
  const closing = new RegExp(
    `^[ \\t]{0,3}${fence[0] === '~' ? '~' : '`'}{${fence.length},}[ \\t]*\\r?$`,
    'gm',
  );
  closing.lastIndex = start;
  const close = closing.exec(text);
  const end = close ? close.index : text.length;
  const language = info
    .trim()
    .split(/[\s{,]/)[0]!
    .toLowerCase();
  return { code: text.slice(start, end), start, end, language, closed: close !== null, whole: false };
}

function closeEnd(text: string, block: CodeBlock): number {
  const next = text.indexOf('\n', block.end);
  return next === -1 ? text.length : next;
}
