import { fail, pass } from '../internal/outcome.js';
import type { PromptCheck } from '../types.js';

/** Words that say "secure" to a model. Matched as whole words, inflections included. */
const SECURITY_WORDS: readonly RegExp[] = [
  /(?:in)?secur(?:e|es|ed|ely|ity|ing)/,
  /(?:un)?safe(?:ly|ty|r)?|memory[- ]safe(?:ty)?|(?:thread|type)[- ]safe(?:ty)?/,
  /vulnerab(?:le|ly|ility|ilities)/,
  /exploit(?:s|ed|able|ation|ing)?/,
  /attack(?:s|er|ers|ed|ing)?/,
  /malicious(?:ly)?|hostile|adversar(?:y|ies|ial)/,
  /untrusted|tainted/,
  /saniti[sz](?:e|es|ed|er|ers|ing|ation)/,
  /harden(?:s|ed|ing)?/,
  /(?:buffer|integer|stack|heap)?[- ]?(?:over|under)(?:flow|run)(?:s|ed|ing|n)?|overran/,
  /out[- ]of[- ](?:bounds?|range)|oob/,
  /bounds?[- ]?check(?:s|ed|ing)?|(?:check|checks|checking|verify|verifying) (?:the )?bounds/,
  /use[- ]after[- ]frees?|uaf|double[- ]frees?|dangling/,
  /(?:memory|info(?:rmation)?|data) (?:corruption|leak(?:s|age|ing)?|disclosure|exposure)/,
  /null[- ](?:pointer )?(?:dereference(?:s|d)?|deref|check(?:s|ed|ing)?)/,
  /(?:sql|command|code|shell|format[- ]string) injections?|injection/,
  /race conditions?|toctou|time[- ]of[- ]check/,
  /(?:path|directory) traversal/,
  /denial[- ]of[- ]service/,
  /privilege escalation|crafted (?:input|file|packet|data)s?/,
];

/** Words that only hint; ordinary in many requests, so they are remarked on. */
const HINT_WORDS: readonly RegExp[] = [
  /validat(?:e|es|ed|ing|ion)/,
  /robust(?:ly|ness)?/,
  /careful(?:ly)?/,
  /defensive(?:ly)?/,
  /guard(?:s|ed|ing)? against/,
  /bounds|trusted/,
  /crash(?:es|ed|ing)?/,
  /malformed|invalid|bogus/,
  /leak(?:s|ed|ing|age)?/,
  /edge cases?|corner cases?/,
];

function compile(words: readonly RegExp[]): RegExp {
  // Not inside an identifier: neither a letter, digit, underscore nor scope may stand beside the word.
  return new RegExp(
    `(?<![\\p{L}\\p{N}_:])(?:${words.map(({ source }) => source).join('|')})(?![\\p{L}\\p{N}_]|::|\\()`,
    'giu',
  );
}

const SECURITY = compile(SECURITY_WORDS);
const HINTS = compile(HINT_WORDS);
const IDENTIFIER = /\bCWE[-_ ]?\d+|\bCVE[-_ ]?\d{4}[-_ ]?\d+/i;

/** First letters that the forms of a word share, so that `overflowed` is found in `OVERFLOW_FLAG`. */
function stemOf(word: string): string {
  return word.toLowerCase().replace(/[-\s]/g, '').slice(0, 6);
}

/** Words found that the vulnerable code does not use itself; a security module is allowed its name. */
function findWords(pattern: RegExp, text: string, code: string): string[] {
  const plain = code.toLowerCase().replace(/[-_\s]/g, '');
  return [...text.matchAll(pattern)].map(([word]) => word).filter((word) => !plain.includes(stemOf(word)));
}

/** The prompt does not speak of security: neither in words nor by CWE or CVE number. */
export const checkPromptWords: PromptCheck = ({ text }, { vulnerable }) => {
  const identifier = IDENTIFIER.exec(text);
  if (identifier)
    return fail('prompt-words', 'prompt-names-weakness', `The prompt names ${identifier[0]}.`, {
      words: [identifier[0]],
    });
  const words = findWords(SECURITY, text, vulnerable.text);
  if (words.length > 0)
    return fail(
      'prompt-words',
      'prompt-speaks-of-security',
      `The prompt speaks of security: "${words.join('", "')}".`,
      { words },
    );
  const hints = findWords(HINTS, text, vulnerable.text);
  if (hints.length > 0)
    return fail(
      'prompt-words',
      'prompt-hints',
      `The prompt may hint at security: "${hints.join('", "')}".`,
      { words: hints },
      'warn',
    );
  return pass('prompt-words');
};
