/** One record seen by two: a verdict and what is held to be true. */
export interface LabelledVerdict {
  readonly accepted: boolean;
  readonly correct: boolean;
}

/** How far verdicts and labels agree. Rates are null where nothing is there to divide by. */
export interface Agreement {
  readonly n: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  /** (TP + TN) / n. */
  readonly agreement: number | null;
  /** Of what was accepted, the share that is correct. */
  readonly precision: number | null;
  /** Of what is correct, the share that was accepted. */
  readonly recall: number | null;
  /** Cohen's κ = (p_o − p_e) / (1 − p_e); null when both sides are constant. */
  readonly kappa: number | null;
}

/** Agreement of verdicts with labels, such as a judge's opinions or a reader's. */
export function measureAgreement(verdicts: Iterable<LabelledVerdict>): Agreement {
  const counts = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 };
  for (const { accepted, correct } of verdicts) {
    if (accepted) counts[correct ? 'truePositives' : 'falsePositives']++;
    else counts[correct ? 'falseNegatives' : 'trueNegatives']++;
  }
  const { truePositives: tp, falsePositives: fp, trueNegatives: tn, falseNegatives: fn } = counts;
  const n = tp + fp + tn + fn;
  const ratio = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  const observed = ratio(tp + tn, n);
  const expected = n === 0 ? 1 : ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / (n * n);
  return {
    ...{ n, ...counts, agreement: observed },
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, tp + fn),
    kappa: observed === null || expected === 1 ? null : (observed - expected) / (1 - expected),
  };
}

/** One confidence and whether the thing was right. */
export interface LabelledConfidence {
  /** In [0, 1]. */
  readonly confidence: number;
  readonly correct: boolean;
}

export interface CalibrationBin {
  /** Confidences in [from, to); the last bin includes 1. */
  readonly from: number;
  readonly to: number;
  readonly n: number;
  readonly meanConfidence: number;
  /** Share that was right. */
  readonly accuracy: number;
}

/**
 * Calibration of a teacher's or judge's confidence: non-empty bins of equal width, the expected calibration
 * error Σ n_b / n · |accuracy_b − meanConfidence_b|, and the Brier score, the mean of (confidence − right)².
 * Both are null without data.
 */
export function measureCalibration(
  items: readonly LabelledConfidence[],
  binCount = 10,
): {
  readonly bins: readonly CalibrationBin[];
  readonly expectedError: number | null;
  readonly brier: number | null;
} {
  const groups = Array.from({ length: binCount }, (): LabelledConfidence[] => []);
  for (const item of items)
    groups[Math.min(binCount - 1, Math.floor(item.confidence * binCount))]!.push(item);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const bins = groups.flatMap((group, index) =>
    group.length === 0
      ? []
      : [
          {
            from: index / binCount,
            to: (index + 1) / binCount,
            n: group.length,
            meanConfidence: mean(group.map(({ confidence }) => confidence)),
            accuracy: mean(group.map(({ correct }) => Number(correct))),
          },
        ],
  );
  if (items.length === 0) return { bins, expectedError: null, brier: null };
  return {
    bins,
    expectedError: bins.reduce(
      (sum, bin) => sum + (bin.n / items.length) * Math.abs(bin.accuracy - bin.meanConfidence),
      0,
    ),
    brier: mean(items.map(({ confidence, correct }) => (confidence - Number(correct)) ** 2)),
  };
}
