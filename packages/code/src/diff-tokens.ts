import { diffSequences } from './internal/myers.js';
import { slideEdits } from './internal/slide-edits.js';
import type { DiffHunk, LexicalToken } from './types.js';

/** How one token sequence becomes another; `a` is the vulnerable side, `b` the secure side. */
export interface DiffTokensOptions {
  /**
   * Cost at which a search for the shortest edit script gives up and splits where it stands, so that texts with little in
   * common stay near-linear. Default max(256, √(n + m)), as GNU diff does.
   */
  readonly maxCost?: number;
}

/**
 * The differences between two token sequences, in order, disjoint and never adjacent; empty when the texts are equal.
 *
 * Myers' O(ND) in linear space on token texts (E. Myers, 1986), ties broken toward deletion before insertion. A pure
 * insertion or deletion that can slide without changing either text is put where it begins after a statement or block
 * ends and its brackets balance (our choice), so that an added `if (…) return;` is that statement and not `; if (…) return`.
 */
export function diffTokens(
  a: readonly LexicalToken[],
  b: readonly LexicalToken[],
  options: DiffTokensOptions = {},
): DiffHunk[] {
  const ids = new Map<string, number>();
  const intern = (token: LexicalToken): number => {
    let id = ids.get(token.text);
    if (id === undefined) {
      id = ids.size;
      ids.set(token.text, id);
    }
    return id;
  };
  const hunks = diffSequences(Int32Array.from(a, intern), Int32Array.from(b, intern), options.maxCost);
  return slideEdits(a, b, hunks);
}
