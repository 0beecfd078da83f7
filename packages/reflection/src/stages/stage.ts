import type { z } from 'zod';

const STAGE_NAMES = ['diagnose', 'repair', 'reflect', 'vote', 'prompts'] as const;
export type StageName = (typeof STAGE_NAMES)[number];

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/**
 * What a teacher may see of a function. The human fix and the commit message, which often tells it,
 * are not part of the type, so no stage can reach them.
 */
export interface TeacherView {
  readonly language: 'c' | 'cpp';
  readonly functionName: string | null;
  readonly vulnerable: string;
  readonly cve: string | null;
  readonly cwe: readonly string[];
  readonly description: string | null;
}

/** One request to the teacher: how it is asked and what shape the answer must have. */
export interface Stage<I, S extends z.ZodType> {
  readonly name: StageName;
  readonly schema: S;
  /** Deterministic: equal input, equal messages. */
  buildMessages(input: I): readonly ChatMessage[];
  /** Makes a value of an answer that is not JSON, where that is safe; undefined where it is not. */
  salvage?(text: string): unknown;
}

/** Last line of every system message: names the stage and the round, for readers of logs and for replay. */
export function stageLine(name: StageName, round: number): string {
  return `Stage: ${name}, round ${round}.`;
}

/** Reads what `stageLine` wrote, or null. */
export function parseStageLine(system: string): { readonly name: StageName; readonly round: number } | null {
  const match = /(?:^|\n)Stage: ([a-z]+), round (\d{1,6})\.\s*$/.exec(system);
  const name = STAGE_NAMES.find((known) => known === match?.[1]);
  return match && name ? { name, round: Number(match[2]) } : null;
}
