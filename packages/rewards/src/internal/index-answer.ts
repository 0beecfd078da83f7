import type { LexicalToken } from '@srcode/code';
import type { PreparedPair } from '../build-hunks.js';
import { type AnswerTokens, matchSequences } from './align-window.js';
import { tokenWeight } from './token-weight.js';

/** Worth of a consistently renamed identifier against an exact one. */
const RENAMED_QUALITY = 0.8;
/** A renaming must explain at least this share of the places where either name is aligned. */
const RENAME_SHARE = 0.6;
/** Below this share of aligned tokens the answer is another program, and names that coincide in place mean nothing. */
const MIN_SHAPE_SHARE = 0.5;

/** Numbers for the texts of a pair's tokens. */
export interface PairIndex {
  readonly idByText: ReadonlyMap<string, number>;
  readonly secureIds: Int32Array;
  readonly vulnerableIds: Int32Array;
  /** 1 for secure tokens that both sides have. */
  readonly secureCommon: Uint8Array;
}

/** An answer read against a pair. */
export interface IndexedAnswer extends AnswerTokens {
  readonly tokens: readonly LexicalToken[];
  /** Per secure (vulnerable) token of the pair: index of the answer token at the same place, or −1. */
  readonly atSecure: Int32Array;
  readonly atVulnerable: Int32Array;
}

const IDENTIFIER_SHAPE = -2;

export function indexPair(prepared: PreparedPair): PairIndex {
  const idByText = new Map<string, number>();
  const intern = (token: LexicalToken): number => {
    let id = idByText.get(token.text);
    if (id === undefined) {
      id = idByText.size;
      idByText.set(token.text, id);
    }
    return id;
  };
  const secureIds = Int32Array.from(prepared.secureTokens, intern);
  const vulnerableIds = Int32Array.from(prepared.vulnerableTokens, intern);
  const secureCommon = new Uint8Array(secureIds.length).fill(1);
  for (const hunk of prepared.hunks)
    for (const edit of hunk.edits) secureCommon.fill(0, edit.secureStart, edit.secureEnd);
  return { idByText, secureIds, vulnerableIds, secureCommon };
}

/**
 * Reads an answer against a pair: finds which of its names are renamed ones, then its place-by-place alignment to each side.
 *
 * Renamings come from aligning the answer to the secure side with all identifiers alike, and are counted only on tokens
 * that both sides share, so that a name which only one side has can never be "renamed" into evidence.
 */
export function indexAnswer(
  prepared: PreparedPair,
  pair: PairIndex,
  tokens: readonly LexicalToken[],
): IndexedAnswer {
  const exact = Int32Array.from(tokens, (token) => pair.idByText.get(token.text) ?? -1);
  const renamed = findRenaming(prepared, pair, tokens, exact);
  const taken = new Set(renamed.values());
  const ids = new Int32Array(tokens.length);
  const quality = new Float64Array(tokens.length);
  const wild = new Uint8Array(tokens.length);
  const weights = Float64Array.from(tokens, tokenWeight);
  for (const [i, token] of tokens.entries()) {
    const target = token.kind === 'identifier' ? renamed.get(token.text) : undefined;
    const id = exact[i]!;
    // A name that another one was renamed to means something else here.
    const displaced = target === undefined && token.kind === 'identifier' && id !== -1 && taken.has(id);
    ids[i] = target ?? (displaced ? -1 : id);
    quality[i] = target === undefined || target === id ? 1 : RENAMED_QUALITY;
    wild[i] = token.kind === 'identifier' && ids[i] === -1 && tokens[i + 1]?.text !== '(' ? 1 : 0;
  }
  return {
    tokens,
    ids,
    quality,
    weights,
    wild,
    atSecure: matchSequences(pair.secureIds, ids),
    atVulnerable: matchSequences(pair.vulnerableIds, ids),
  };
}

/** The answer's identifiers → ids of the pair's identifiers, one to one, where places agree; identities included. */
function findRenaming(
  prepared: PreparedPair,
  pair: PairIndex,
  tokens: readonly LexicalToken[],
  exact: Int32Array,
): Map<string, number> {
  const isName = (token: LexicalToken): boolean => token.kind === 'identifier';
  if (tokens.every((token, i) => !isName(token) || exact[i] !== -1) && isMostlySame(pair, exact))
    return new Map();
  const answerShape = exact.map((id, i) => (isName(tokens[i]!) ? IDENTIFIER_SHAPE : id));
  const secureShape = pair.secureIds.map((id, i) =>
    isName(prepared.secureTokens[i]!) ? IDENTIFIER_SHAPE : id,
  );
  const at = matchSequences(secureShape, answerShape);
  const votes = new Map<string, { name: string; id: number; count: number }>();
  const byName = new Map<string, number>();
  const byId = new Map<number, number>();
  let aligned = 0;
  for (let i = 0; i < at.length; i++) {
    if (at[i] === -1) continue;
    aligned++;
    if (pair.secureCommon[i] !== 1 || !isName(prepared.secureTokens[i]!)) continue;
    const name = tokens[at[i]!]!.text;
    const id = pair.secureIds[i]!;
    const key = `${id} ${name}`;
    const vote = votes.get(key) ?? { name, id, count: 0 };
    vote.count++;
    votes.set(key, vote);
    byName.set(name, (byName.get(name) ?? 0) + 1);
    byId.set(id, (byId.get(id) ?? 0) + 1);
  }
  if (aligned < MIN_SHAPE_SHARE * Math.min(tokens.length, at.length)) return new Map();
  return chooseOneToOne([...votes.values()], byName, byId, pair);
}

/** True when the answer's tokens are the pair's at their places: names were not exchanged among themselves. */
function isMostlySame(pair: PairIndex, exact: Int32Array): boolean {
  const at = matchSequences(pair.secureIds, exact);
  let same = 0;
  for (const index of at) if (index !== -1) same++;
  return same >= 0.8 * Math.max(at.length, exact.length);
}

function chooseOneToOne(
  votes: readonly { name: string; id: number; count: number }[],
  byName: ReadonlyMap<string, number>,
  byId: ReadonlyMap<number, number>,
  pair: PairIndex,
): Map<string, number> {
  const identical = (vote: { name: string; id: number }): boolean => pair.idByText.get(vote.name) === vote.id;
  // A name at its own place counts double: calling one thing by another's name takes more evidence than not.
  const strength = (vote: { name: string; id: number; count: number }): number =>
    vote.count * (identical(vote) ? 2 : 1);
  const ordered = [...votes].sort(
    (a, b) => strength(b) - strength(a) || a.id - b.id || (a.name < b.name ? -1 : 1),
  );
  const renamed = new Map<string, number>();
  const taken = new Set<number>();
  for (const vote of ordered) {
    if (renamed.has(vote.name) || taken.has(vote.id)) continue;
    const share = vote.count / Math.max(byName.get(vote.name)!, byId.get(vote.id)!);
    if (!identical(vote) && share < RENAME_SHARE) continue;
    renamed.set(vote.name, vote.id);
    taken.add(vote.id);
  }
  return renamed;
}
