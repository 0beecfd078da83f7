/** Names with which an answer would switch off or fake the judge instead of doing its task. */
const judgeNames =
  /\b(?:__(?:asan|ubsan|lsan|msan|tsan|sanitizer|interceptor)_\w*|no_sanitize\w*|no_address_safety_analysis|__SANITIZE_ADDRESS__|srcode_(?:driver|answer)_\w+|(?:push|pop)_macro)\b/;

const assembly = /\b(?:__asm__|__asm|asm)\s*(?:volatile|__volatile__|goto)?\s*[({]/;

/** Largest answer that is compiled: the longest real C functions are a tenth of it. */
const maxAnswerBytes = 256 * 1024;

/**
 * Why an answer is not compiled at all, or null. What remains is held by the sandbox; this only closes the ways to
 * be judged wrongly: naming the sanitizers' interface, the harness, or inline assembly (which hides from both).
 */
export function screenAnswer(code: string): string | null {
  if (Buffer.byteLength(code) > maxAnswerBytes) return `refused: answer over ${maxAnswerBytes} bytes`;
  if (code.includes('\0')) return 'refused: NUL byte in the answer';
  const text = code.replace(/\\\r?\n/g, '');
  const name = judgeNames.exec(text)?.[0];
  if (name !== undefined) return `refused: answer names ${name}`;
  if (assembly.test(text)) return 'refused: inline assembly';
  return null;
}
