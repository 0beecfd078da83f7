import { throwIfCancelled } from '@srcode/core';
import { countChanges } from './internal/count-changes.js';
import { Distribution, type Summary, Tally } from './internal/distribution.js';
import { lexTokens } from './internal/lexical-text.js';
import type { PrimeVulPlusRecord, RepairPair, VulnerableFunction } from './schemas.js';

export type StatsRecord = VulnerableFunction | RepairPair | PrimeVulPlusRecord;

/** How the secure side differs from the vulnerable one, in lexical tokens. */
export type EditShape = 'insertion-only' | 'deletion-only' | 'replacement' | 'none';

export interface DatasetStats {
  readonly records: number;
  readonly splits: Readonly<Record<string, number>>;
  readonly groups: number;
  readonly languages: Readonly<Record<string, number>>;
  /** All of them, most frequent first; a record with several counts under each. */
  readonly cwes: Readonly<Record<string, number>>;
  readonly withoutCwe: number;
  readonly withCve: number;
  readonly projectCount: number;
  /** The 50 most frequent. */
  readonly projects: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, number>>;
  readonly licenses: Readonly<Record<string, number>>;
  /** Lines and lexical tokens of the vulnerable function. */
  readonly lines: Summary | null;
  readonly tokens: Summary | null;
  /** Over the records with a secure side or human fix. */
  readonly changes: {
    readonly records: number;
    readonly shapes: Readonly<Record<EditShape, number>>;
    readonly linesDeleted: Summary | null;
    readonly linesAdded: Summary | null;
    readonly tokensDeleted: Summary | null;
    readonly tokensAdded: Summary | null;
    /** (deleted + added) / (tokens before + after), in [0, 1]. */
    readonly changedTokenShare: Summary | null;
  };
  readonly prompts: {
    readonly total: number;
    readonly perRecord: Summary | null;
    readonly styles: Readonly<Record<string, number>>;
    readonly words: Summary | null;
  };
  /** Teacher's confidence after the last reflection. */
  readonly confidence: Summary | null;
  readonly reflectionRounds: Summary | null;
  /** Model name → records; replayed ones under `<name> (replayed)`. */
  readonly teachers: Readonly<Record<string, number>>;
}

/** Accumulates one record at a time; see `computeStats`. */
class StatsAccumulator {
  #records = 0;
  #withoutCwe = 0;
  #withCve = 0;
  readonly #groups = new Set<string>();
  readonly #tallies = {
    splits: new Tally(),
    languages: new Tally(),
    cwes: new Tally(),
    projects: new Tally(),
    sources: new Tally(),
    licenses: new Tally(),
    styles: new Tally(),
    teachers: new Tally(),
  };
  readonly #shapes: Record<EditShape, number> = {
    'insertion-only': 0,
    'deletion-only': 0,
    replacement: 0,
    none: 0,
  };
  readonly #series = {
    lines: new Distribution(),
    tokens: new Distribution(),
    linesDeleted: new Distribution(),
    linesAdded: new Distribution(),
    tokensDeleted: new Distribution(),
    tokensAdded: new Distribution(),
    changedTokenShare: new Distribution(),
    promptsPerRecord: new Distribution(),
    promptWords: new Distribution(),
    confidence: new Distribution(),
    reflectionRounds: new Distribution(),
  };

  add(record: StatsRecord): void {
    this.#records++;
    this.#groups.add(record.group);
    this.#tallies.splits.add(record.split);
    this.#tallies.languages.add(record.language);
    this.#tallies.projects.add(record.project);
    for (const cwe of record.cwe) this.#tallies.cwes.add(cwe);
    if (record.cwe.length === 0) this.#withoutCwe++;
    if (record.cve !== null) this.#withCve++;
    if ('source' in record) {
      this.#tallies.sources.add(record.source);
      this.#tallies.licenses.add(record.license ?? 'unknown');
    }
    this.#addChange(record);
    if ('reflections' in record) this.#addTeacher(record);
  }

  #addChange(record: StatsRecord): void {
    const lines = splitLines(record.vulnerable);
    const tokens = lexTokens(record.vulnerable);
    this.#series.lines.add(lines.length);
    this.#series.tokens.add(tokens.length);
    const fix = 'secure' in record ? record.secure : record.humanFix;
    if (fix === null) return;
    const fixTokens = lexTokens(fix);
    const lineChange = countChanges(lines, splitLines(fix));
    const { deleted, added } = countChanges(tokens, fixTokens);
    this.#series.linesDeleted.add(lineChange.deleted);
    this.#series.linesAdded.add(lineChange.added);
    this.#series.tokensDeleted.add(deleted);
    this.#series.tokensAdded.add(added);
    // Rounded to 0.01 %, so that the distribution has few distinct values.
    const share = (deleted + added) / Math.max(1, tokens.length + fixTokens.length);
    this.#series.changedTokenShare.add(Math.round(share * 1e4) / 1e4);
    this.#shapes[nameShape(deleted, added)]++;
  }

  #addTeacher(record: RepairPair | PrimeVulPlusRecord): void {
    if (record.confidence !== null) this.#series.confidence.add(record.confidence);
    this.#series.reflectionRounds.add(record.reflections.length);
    if (record.teacher)
      this.#tallies.teachers.add(`${record.teacher.model}${record.teacher.replayed ? ' (replayed)' : ''}`);
    if (!('prompts' in record)) return;
    this.#series.promptsPerRecord.add(record.prompts.length);
    for (const prompt of record.prompts) {
      this.#tallies.styles.add(prompt.style);
      this.#series.promptWords.add(prompt.text.split(/\s+/).filter((word) => word !== '').length);
    }
  }

  result(): DatasetStats {
    const { styles, projects, splits, languages, cwes, sources, licenses, teachers } = this.#tallies;
    const series = this.#series;
    return {
      records: this.#records,
      splits: splits.toObject(),
      groups: this.#groups.size,
      languages: languages.toObject(),
      cwes: cwes.toObject(),
      withoutCwe: this.#withoutCwe,
      withCve: this.#withCve,
      projectCount: projects.size,
      projects: projects.toObject(50),
      sources: sources.toObject(),
      licenses: licenses.toObject(),
      lines: series.lines.summary(),
      tokens: series.tokens.summary(),
      changes: {
        records: Object.values(this.#shapes).reduce((sum, count) => sum + count, 0),
        shapes: { ...this.#shapes },
        linesDeleted: series.linesDeleted.summary(),
        linesAdded: series.linesAdded.summary(),
        tokensDeleted: series.tokensDeleted.summary(),
        tokensAdded: series.tokensAdded.summary(),
        changedTokenShare: series.changedTokenShare.summary(),
      },
      prompts: {
        total: Object.values(styles.toObject()).reduce((sum, count) => sum + count, 0),
        perRecord: series.promptsPerRecord.summary(),
        styles: styles.toObject(),
        words: series.promptWords.summary(),
      },
      confidence: series.confidence.summary(),
      reflectionRounds: series.reflectionRounds.summary(),
      teachers: teachers.toObject(),
    };
  }
}

function nameShape(deleted: number, added: number): EditShape {
  if (deleted === 0) return added === 0 ? 'none' : 'insertion-only';
  return added === 0 ? 'deletion-only' : 'replacement';
}

/** Lines without trailing white space; the empty one after a final line break is none. */
function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trimEnd());
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * Statistics of a stream of records (functions, pairs or PrimeVul+ records): weaknesses, languages, projects,
 * sizes, changes, prompts, teacher confidence. One pass; memory grows with distinct values only.
 */
export async function computeStats(
  records: Iterable<StatsRecord> | AsyncIterable<StatsRecord>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<DatasetStats> {
  const accumulator = new StatsAccumulator();
  for await (const record of records) {
    throwIfCancelled(options.signal);
    accumulator.add(record);
  }
  return accumulator.result();
}
