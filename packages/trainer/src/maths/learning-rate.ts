import { InputError } from '@srcode/core';

export interface LearningRateSchedule {
  readonly peak: number;
  /** Steps over which the rate rises linearly from `peak / warmupSteps` to `peak`. Default 0. */
  readonly warmupSteps?: number;
  /** Shape after warm-up. Default `constant`. */
  readonly decay?: 'constant' | 'linear' | 'cosine';
  /** Rate at the last step as a fraction of `peak`. Default 0. */
  readonly finalFraction?: number;
}

/**
 * Learning rate of one step (0-based) out of `totalSteps`.
 *
 * Step s of the warm-up has peak·(s+1)/warmup, so that the first step is not lost; the last step has
 * peak·finalFraction only for `linear` and `cosine`.
 */
export function learningRateAt(schedule: LearningRateSchedule, step: number, totalSteps: number): number {
  const { peak, warmupSteps = 0, decay = 'constant', finalFraction = 0 } = schedule;
  if (!(peak >= 0) || warmupSteps < 0 || finalFraction < 0 || finalFraction > 1) {
    throw new InputError({
      code: 'TRAINER_OPTION_RANGE',
      message: `Expected a learning rate ≥ 0, warm-up steps ≥ 0 and a final fraction in [0, 1], got ${JSON.stringify(schedule)}.`,
    });
  }
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  if (decay === 'constant') return peak;
  const span = Math.max(1, totalSteps - 1 - warmupSteps);
  const progress = Math.min(1, (step - warmupSteps) / span);
  const shape = decay === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return peak * (finalFraction + (1 - finalFraction) * shape);
}
