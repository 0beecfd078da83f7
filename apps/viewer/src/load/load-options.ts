export interface LoadRunFolderOptions {
  /** Rollouts kept per arm and seed, spread over the run: at least half as many where there are. Default 16. */
  readonly maxRolloutsPerFile?: number;
  /** Pairs kept for the browser. Default 24. */
  readonly maxPairs?: number;
  /** Points kept per curve. Default 240. */
  readonly maxPointsPerCurve?: number;
  readonly signal?: AbortSignal;
}

/** Longer lines are no record of ours: a rollout of 4,096 tokens is under 1 MiB. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** More curves than this cannot be told apart; it also bounds what a hostile file can make us hold. */
export const MAX_CURVES = 2000;
/** The same for rows of the family table. */
export const MAX_FAMILIES = 5000;
