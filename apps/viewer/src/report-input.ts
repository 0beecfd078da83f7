import type { Manifest } from '@srcode/core';
import type { ImplicitPrompt, Teacher } from '@srcode/dataset';
import type { RolloutLine, RunResults } from './schemas.js';

/** One metric of one arm and seed over the steps of one stage. */
export interface Curve {
  readonly arm: string;
  readonly seed: number;
  readonly stage: string;
  readonly metric: string;
  /** [step, value], thinned to at most a few hundred. */
  readonly points: readonly (readonly [number, number])[];
}

/** Rollouts of one arm and seed: a sample evenly spread over the run. */
export interface RolloutSample {
  readonly arm: string;
  readonly seed: number;
  /** Rollouts in the file. */
  readonly total: number;
  readonly shown: readonly RolloutLine[];
}

/** Outcomes of one arm on one family, over its seeds and samples. */
export interface FamilyOutcome {
  readonly split: string;
  readonly family: string;
  readonly arm: string;
  readonly samples: number;
  /** Samples whose secure-and-functional outcome was measured. */
  readonly measured: number;
  readonly secureAndFunctional: number;
  readonly functional: number;
  readonly secure: number;
}

export interface PairVerdict {
  readonly accepted: boolean;
  /** Reason codes or texts of a rejection. */
  readonly reasons: readonly string[];
}

export interface PairView {
  readonly id: string;
  readonly project: string;
  readonly cwe: readonly string[];
  readonly cve: string | null;
  readonly split: string;
  readonly vulnerable: string;
  readonly secure: string;
  readonly prompts: readonly ImplicitPrompt[];
  readonly rootCause: string | null;
  readonly confidence: number | null;
  readonly rounds: number;
  readonly teacher: Teacher | null;
  /** Null when the run folder holds no verdict for it. */
  readonly verdict: PairVerdict | null;
}

/** A part of the run folder that is absent, unreadable or partly malformed. */
export interface MissingPart {
  readonly part: string;
  readonly problem: string;
}

/** What a report is made of; `loadRunFolder` reads it. */
export interface ReportInput {
  /** Name of the run. */
  readonly name: string;
  readonly results: RunResults | null;
  readonly manifest: Manifest | null;
  readonly curves: readonly Curve[];
  readonly rollouts: readonly RolloutSample[];
  readonly families: readonly FamilyOutcome[];
  readonly pairs: { readonly total: number; readonly shown: readonly PairView[] };
  readonly validation: {
    readonly accepted: number;
    readonly rejected: number;
    readonly reasons: Readonly<Record<string, number>>;
  } | null;
  readonly missing: readonly MissingPart[];
}
