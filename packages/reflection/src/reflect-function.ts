import type { Diagnosis, ImplicitPrompt, Reflection, VulnerableFunction } from '@srcode/dataset';
import type { z } from 'zod';
import { combineVotes, type Vote } from './combine-votes.js';
import type { RetryNotice, TeacherAnswer, TeacherClient } from './create-teacher-client.js';
import { NoRecordedAnswerError } from './errors.js';
import type { ReflectionRecord } from './schemas.js';
import { diagnoseStage, tidyDiagnosis } from './stages/diagnose.js';
import { reflectStage, voteStage } from './stages/reflect.js';
import { repairStage } from './stages/repair.js';
import type { Stage, StageName, TeacherView } from './stages/stage.js';
import { DEFAULT_PROMPT_STYLES, writePromptsStage } from './stages/write-prompts.js';

export interface StageOptions {
  /** R: reflections on one function at most; a `revise` in the last one stays as it is. Default 3. */
  readonly maxRounds?: number;
  /** k: judgements of the final repair, the last reflection counted as the first. Default 3. */
  readonly votes?: number;
  /** N implicit prompts, one per style. Default terse, detailed, scenario. */
  readonly promptStyles?: readonly string[];
}

export interface ReflectFunctionOptions extends StageOptions {
  readonly client: TeacherClient;
  readonly signal?: AbortSignal | undefined;
  /** Called when a stage begins, so that a failure can be told by stage. */
  readonly onStage?: (stage: StageName, round: number) => void;
  readonly onRetry?: (notice: RetryNotice) => void;
}

/** Sampling temperature of the votes; all other stages are greedy. (Our choice.) */
const VOTE_TEMPERATURE = 0.7;

/** What the teacher may see of a function: never the human fix, nor the commit message that may tell it. */
export function toTeacherView(func: VulnerableFunction): TeacherView {
  const { language, functionName, vulnerable, cve, cwe, description } = func;
  return { language, functionName, vulnerable, cve, cwe, description };
}

/** One function's way through the stages; remembers who answered. */
class Conversation {
  teacherModel: string | null = null;
  replayed = false;
  readonly #options: ReflectFunctionOptions;

  constructor(options: ReflectFunctionOptions) {
    this.#options = options;
  }

  async ask<I, S extends z.ZodType>(
    stage: Stage<I, S>,
    input: I,
    round: number,
    sampling: { readonly temperature?: number; readonly seed?: number } = {},
  ): Promise<z.output<S>> {
    const { client, signal, onStage, onRetry } = this.#options;
    onStage?.(stage.name, round);
    const answer: TeacherAnswer<z.output<S>> = await client.ask({
      stage: stage.name,
      messages: stage.buildMessages(input),
      schema: stage.schema,
      salvage: stage.salvage,
      signal,
      onRetry,
      ...sampling,
    });
    this.teacherModel ??= answer.model;
    this.replayed ||= answer.replayed;
    return answer.value;
  }
}

/** True when a replay server has the function, but no further round or vote of it. */
function isEndOfRecording(error: unknown): boolean {
  return NoRecordedAnswerError.isInstance(error) && error.context.scope !== 'function';
}

async function repairWithReflection(
  talk: Conversation,
  view: TeacherView,
  diagnosis: Diagnosis,
  maxRounds: number,
): Promise<{ readonly repair: string; readonly reflections: readonly Reflection[] }> {
  const reflections: Reflection[] = [];
  const base = { view, diagnosis };
  let repair = (await talk.ask(repairStage, { ...base, round: 1, previous: null, reflections }, 1)).code;
  for (let round = 1; round <= maxRounds; round++) {
    try {
      const answer = await talk.ask(reflectStage, { ...base, repair, round, earlier: reflections }, round);
      reflections.push({ round, ...answer });
      if (answer.verdict !== 'revise' || round === maxRounds) break;
      const revision = { ...base, round: round + 1, previous: repair, reflections };
      repair = (await talk.ask(repairStage, revision, round + 1)).code;
    } catch (error) {
      // A recording that ends on `revise` ends here too; the last verdict stands.
      if (reflections.length === 0 || !isEndOfRecording(error)) throw error;
      break;
    }
  }
  return { repair, reflections };
}

async function collectVotes(
  talk: Conversation,
  input: { readonly view: TeacherView; readonly diagnosis: Diagnosis; readonly repair: string },
  last: Reflection,
  count: number,
): Promise<readonly Vote[]> {
  const votes: Vote[] = [{ verdict: last.verdict, confidence: last.confidence }];
  for (let number = 2; number <= count; number++) {
    const sampling = { temperature: VOTE_TEMPERATURE, seed: number };
    try {
      const { verdict, confidence } = await talk.ask(
        voteStage,
        { ...input, round: number, earlier: [] },
        number,
        sampling,
      );
      votes.push({ verdict, confidence });
    } catch (error) {
      if (!isEndOfRecording(error)) throw error;
      break;
    }
  }
  return votes;
}

/** Prompts without exact repeats; the style of each as the teacher named it. */
function dropRepeats(prompts: readonly ImplicitPrompt[]): ImplicitPrompt[] {
  const seen = new Set<string>();
  return prompts.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/**
 * The record of one function: diagnose → repair → reflect (≤ R rounds) → votes → implicit prompts.
 *
 * A repair that the teacher itself rejects gets no votes and no prompts: it is on record, and validation
 * turns it down. Throws the teacher errors of `errors.ts`; nothing is written.
 */
export async function reflectFunction(
  func: VulnerableFunction,
  options: ReflectFunctionOptions,
): Promise<ReflectionRecord> {
  const view = toTeacherView(func);
  const talk = new Conversation(options);
  const diagnosis = tidyDiagnosis(await talk.ask(diagnoseStage, view, 1), view.vulnerable);
  const maxRounds = Math.max(1, options.maxRounds ?? 3);
  const { repair, reflections } = await repairWithReflection(talk, view, diagnosis, maxRounds);
  const last = reflections.at(-1)!;
  const rejected = last.verdict === 'reject';
  const voteCount = rejected ? 1 : (options.votes ?? 3);
  const votes = await collectVotes(talk, { view, diagnosis, repair }, last, voteCount);
  const styles = options.promptStyles ?? DEFAULT_PROMPT_STYLES;
  const prompts =
    rejected || styles.length === 0 ? [] : (await talk.ask(writePromptsStage, { view, styles }, 1)).prompts;
  const { id, project, commit, cve, cwe, language, vulnerable, humanFix, group, split } = func;
  return {
    id,
    functionId: id,
    ...{ project, commit, cve, cwe, language, vulnerable },
    secure: repair,
    humanFix,
    diagnosis,
    reflections: [...reflections],
    confidence: combineVotes(votes),
    teacher: { model: talk.teacherModel ?? options.client.model, replayed: talk.replayed },
    group,
    split,
    prompts: dropRepeats(prompts),
    votes: [...votes],
  };
}
