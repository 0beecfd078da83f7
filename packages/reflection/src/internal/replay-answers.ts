import { normalizedHash } from '@srcode/code';
import { sha256Hex } from '@srcode/core';
import type { ReflectionRecord } from '../schemas.js';
import { type ChatMessage, parseStageLine, type StageName } from '../stages/stage.js';
import { readBlock } from './function-block.js';

export type ReplayAnswer =
  | { readonly found: true; readonly content: unknown; readonly teacher: string; readonly recordId: string }
  | { readonly found: false; readonly scope: ReplayGap; readonly message: string };

/** What a recording lacks: the function, a stage of it, a further round, a further vote; or the request is not ours. */
type ReplayGap = 'function' | 'stage' | 'round' | 'vote' | 'request';

const PREFIX = 'replay:';

/** Name of the teacher who gave the answers when they were recorded. */
function recordedTeacher(record: ReflectionRecord): string {
  const model = record.teacher?.model ?? 'unknown';
  return model.startsWith(PREFIX) ? model.slice(PREFIX.length) : model;
}

function hashOrNull(source: string): string | null {
  try {
    return normalizedHash(source);
  } catch {
    // Text that the lexer refuses (for its size) can still match exactly.
    return null;
  }
}

/** Recorded answers, found by the text of the vulnerable function: first exactly, then up to whitespace and comments. */
export class ReplayAnswers {
  readonly #exact = new Map<string, ReflectionRecord>();
  readonly #normalized = new Map<string, ReflectionRecord>();
  readonly #teachers = new Set<string>();

  add(record: ReflectionRecord): void {
    const exact = sha256Hex(record.vulnerable);
    if (!this.#exact.has(exact)) this.#exact.set(exact, record);
    const normalized = hashOrNull(record.vulnerable);
    if (normalized !== null && !this.#normalized.has(normalized)) this.#normalized.set(normalized, record);
    this.#teachers.add(recordedTeacher(record));
  }

  get size(): number {
    return this.#exact.size;
  }

  get teachers(): readonly string[] {
    return [...this.#teachers].sort();
  }

  answer(messages: readonly ChatMessage[]): ReplayAnswer {
    const system = messages.find((message) => message.role === 'system')?.content ?? '';
    const user = messages.find((message) => message.role === 'user')?.content ?? '';
    const stage = parseStageLine(system);
    const source = readBlock('VULNERABLE FUNCTION', user);
    if (stage === null || source === null)
      return gap(
        'request',
        'Expected a request in the form that @srcode/reflection makes (a stage line and a function block), got another.',
      );
    const normalized = hashOrNull(source);
    const record =
      this.#exact.get(sha256Hex(source)) ??
      (normalized === null ? undefined : this.#normalized.get(normalized));
    if (record === undefined) return gap('function', 'No teacher answer is recorded for this function.');
    return answerStage(record, stage.name, stage.round);
  }
}

function gap(scope: ReplayGap, message: string): ReplayAnswer {
  return { found: false, scope, message };
}

function answerStage(record: ReflectionRecord, name: StageName, round: number): ReplayAnswer {
  const found = (content: unknown): ReplayAnswer => ({
    found: true,
    content,
    teacher: recordedTeacher(record),
    recordId: record.id,
  });
  const missing = (): ReplayAnswer =>
    gap('stage', `The recording of this function has no answer to the stage "${name}".`);
  switch (name) {
    case 'diagnose':
      return record.diagnosis === null ? missing() : found(record.diagnosis);
    case 'repair':
      // Only the last draft is on record, so it answers every round that was reflected on.
      if (round > Math.max(1, record.reflections.length))
        return gap('round', `The recording of this function ends after round ${record.reflections.length}.`);
      return found({
        code: record.secure,
        explanation: 'Recorded answer. Drafts before the last one were not recorded; this is the last.',
      });
    case 'reflect': {
      if (record.reflections.length === 0) return missing();
      const reflection = record.reflections[round - 1];
      if (reflection === undefined)
        return gap('round', `The recording of this function ends after round ${record.reflections.length}.`);
      const { verdict, confidence, issues } = reflection;
      return found({ verdict, confidence, issues });
    }
    case 'vote': {
      const vote = record.votes[round - 1];
      return vote === undefined
        ? gap('vote', `The recording of this function has ${record.votes.length} votes.`)
        : found({ ...vote, issues: [] });
    }
    case 'prompts':
      return record.prompts.length === 0 ? missing() : found({ prompts: record.prompts });
  }
}
