import type { LexicalToken } from '@srcode/code';
import type { PreparedPair } from '../build-hunks.js';
import { type AnswerTokens, matchSequences } from './align-window.js';
import { tokenWeight, wildKind } from './token-weight.js';

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
  /** Per token of each side: 1 for an unchanged identifier, 2 for an identifier of this side alone, 0 for other tokens. */
  readonly secureNames: Uint8Array;
  readonly vulnerableNames: Uint8Array;
  /** 1 for tokens that this side alone has. */
  readonly secureChanged: Uint8Array;
  readonly vulnerableChanged: Uint8Array;
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
  const nameOf = (token: LexicalToken): number => (token.kind === 'identifier' ? 1 : 0);
  const secureNames = Uint8Array.from(prepared.secureTokens, nameOf);
  const vulnerableNames = Uint8Array.from(prepared.vulnerableTokens, nameOf);
  const mark = (names: Uint8Array, start: number, end: number): void => {
    for (let i = start; i < end; i++) if (names[i] === 1) names[i] = 2;
  };
  const secureChanged = new Uint8Array(secureIds.length);
  const vulnerableChanged = new Uint8Array(vulnerableIds.length);
  for (const { edits } of prepared.hunks) {
    for (const edit of edits) {
      secureChanged.fill(1, edit.secureStart, edit.secureEnd);
      vulnerableChanged.fill(1, edit.vulnerableStart, edit.vulnerableEnd);
      mark(secureNames, edit.secureStart, edit.secureEnd);
      mark(vulnerableNames, edit.vulnerableStart, edit.vulnerableEnd);
    }
  }
  return {
    idByText,
    secureIds,
    vulnerableIds,
    secureNames,
    vulnerableNames,
    secureChanged,
    vulnerableChanged,
  };
}

/**
 * Reads an answer against a pair: finds which of its names are renamed ones, then its place-by-place alignment to each side.
 *
 * Renamings come from aligning the answer to both sides with all identifiers alike, and must be seen on tokens that
 * both sides share, so that a name which only one side has can never be "renamed" into evidence.
 */
export function indexAnswer(pair: PairIndex, tokens: readonly LexicalToken[]): IndexedAnswer {
  const exact = Int32Array.from(tokens, (token) => pair.idByText.get(token.text) ?? -1);
  const renamed = findRenaming(pair, tokens, exact);
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
    wild[i] = ids[i] === -1 ? wildKind(token, tokens[i + 1]) : 0;
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
  pair: PairIndex,
  tokens: readonly LexicalToken[],
  exact: Int32Array,
): Map<string, number> {
  const isName = (token: LexicalToken): boolean => token.kind === 'identifier';
  if (tokens.every((token, i) => !isName(token) || exact[i] !== -1) && isMostlySame(pair, exact))
    return new Map();
  const answerShape = exact.map((id, i) => (isName(tokens[i]!) ? IDENTIFIER_SHAPE : id));
  const ballot = new Ballot(pair);
  for (const [ids, names] of [
    [pair.secureIds, pair.secureNames],
    [pair.vulnerableIds, pair.vulnerableNames],
  ] as const) {
    const shape = ids.map((id, i) => (names[i] === 0 ? id : IDENTIFIER_SHAPE));
    const at = matchSequences(shape, answerShape);
    let aligned = 0;
    for (const index of at) if (index !== -1) aligned++;
    if (aligned < MIN_SHAPE_SHARE * Math.min(tokens.length, at.length)) continue;
    for (let i = 0; i < at.length; i++)
      if (at[i] !== -1 && names[i] !== 0) ballot.add(tokens[at[i]!]!.text, ids[i]!, names[i] === 1);
  }
  return ballot.choose();
}

/** True when the answer's tokens are one side's at their places: names were not exchanged among themselves. */
function isMostlySame(pair: PairIndex, exact: Int32Array): boolean {
  return [pair.secureIds, pair.vulnerableIds].some((ids) => {
    let same = 0;
    for (const index of matchSequences(ids, exact)) if (index !== -1) same++;
    return same >= 0.8 * Math.max(ids.length, exact.length);
  });
}

interface Vote {
  readonly name: string;
  readonly id: number;
  count: number;
  /** True when it was seen in a place that both sides share. */
  founded: boolean;
}

/** Counts which name of the answer stands where which name of the pair does. */
class Ballot {
  readonly #pair: PairIndex;
  readonly #votes = new Map<string, Vote>();
  readonly #byName = new Map<string, number>();
  readonly #byId = new Map<number, number>();

  constructor(pair: PairIndex) {
    this.#pair = pair;
  }

  /** Places that only one side has count for a renaming, or against it, but cannot found one. */
  add(name: string, id: number, common: boolean): void {
    this.#byName.set(name, (this.#byName.get(name) ?? 0) + 1);
    this.#byId.set(id, (this.#byId.get(id) ?? 0) + 1);
    const key = `${id} ${name}`;
    const vote = this.#votes.get(key) ?? { name, id, count: 0, founded: false };
    vote.count++;
    vote.founded ||= common;
    this.#votes.set(key, vote);
  }

  #isIdentity(vote: Vote): boolean {
    return this.#pair.idByText.get(vote.name) === vote.id;
  }

  /** A name at its own place counts double: calling one thing by another's name takes more evidence than not. */
  #strength(vote: Vote): number {
    return vote.count * (this.#isIdentity(vote) ? 2 : 1);
  }

  choose(): Map<string, number> {
    const ordered = [...this.#votes.values()].sort(
      (a, b) => this.#strength(b) - this.#strength(a) || a.id - b.id || (a.name < b.name ? -1 : 1),
    );
    const renamed = new Map<string, number>();
    const taken = new Set<number>();
    for (const vote of ordered) {
      if (!vote.founded || renamed.has(vote.name) || taken.has(vote.id)) continue;
      const share = vote.count / Math.max(this.#byName.get(vote.name)!, this.#byId.get(vote.id)!);
      if (!this.#isIdentity(vote) && share < RENAME_SHARE) continue;
      renamed.set(vote.name, vote.id);
      taken.add(vote.id);
    }
    return renamed;
  }
}
