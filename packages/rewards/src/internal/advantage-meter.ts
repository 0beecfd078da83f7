export interface AdvantageMeterOptions {
  readonly gamma: number;
  readonly lambda: number;
  readonly whiten: boolean;
  readonly batchSize: number;
}

export interface AdvantageFigures {
  readonly gamma: number;
  readonly lambda: number;
  readonly whiten: boolean;
  readonly locality: number | null;
  readonly touchedShare: number;
}

/** An advantage this much smaller than the largest of its batch moves the policy by next to nothing. */
const TOUCHED_FRACTION = 0.01;

/** GAE(γ, λ) with value estimates 0: A_t = Σ_{l ≥ 0} (γλ)^l · r_{t+l}. Returns [tokens] float64. */
export function advantagesWithoutValues(
  rewards: ArrayLike<number>,
  gamma: number,
  lambda: number,
): Float64Array {
  const advantages = new Float64Array(rewards.length);
  let running = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    running = rewards[t]! + gamma * lambda * running;
    advantages[t] = running;
  }
  return advantages;
}

/** Measures, batch by batch, where advantages fall relative to rewards. */
export class AdvantageMeter {
  readonly #options: AdvantageMeterOptions;
  #batch: Float32Array[] = [];
  #onRewarded = 0;
  #everywhere = 0;
  #touched = 0;
  #tokens = 0;

  constructor(options: AdvantageMeterOptions) {
    this.#options = options;
  }

  /** Takes the rewards of one answer. */
  add(rewards: Float32Array): void {
    this.#batch.push(rewards);
    if (this.#batch.length >= this.#options.batchSize) this.#flush();
  }

  finish(): AdvantageFigures {
    this.#flush();
    const { gamma, lambda, whiten } = this.#options;
    return {
      gamma,
      lambda,
      whiten,
      locality: this.#everywhere === 0 ? null : this.#onRewarded / this.#everywhere,
      touchedShare: this.#tokens === 0 ? 0 : this.#touched / this.#tokens,
    };
  }

  #flush(): void {
    const { gamma, lambda, whiten } = this.#options;
    const batch = this.#batch.map((rewards) => ({
      rewards,
      advantages: advantagesWithoutValues(rewards, gamma, lambda),
    }));
    this.#batch = [];
    if (whiten) whitenAll(batch.map(({ advantages }) => advantages));
    let largest = 0;
    for (const { advantages } of batch)
      for (const advantage of advantages) largest = Math.max(largest, Math.abs(advantage));
    for (const { rewards, advantages } of batch) {
      for (const [t, advantage] of advantages.entries()) {
        const size = Math.abs(advantage);
        this.#everywhere += size;
        if (rewards[t] !== 0) this.#onRewarded += size;
        if (size > TOUCHED_FRACTION * largest) this.#touched++;
        this.#tokens++;
      }
    }
  }
}

/** (A − mean) / (standard deviation + 1e-8) over all tokens of a batch, in place. */
function whitenAll(batch: readonly Float64Array[]): void {
  let count = 0;
  let sum = 0;
  for (const values of batch) {
    count += values.length;
    for (const value of values) sum += value;
  }
  if (count === 0) return;
  const mean = sum / count;
  let squares = 0;
  for (const values of batch) for (const value of values) squares += (value - mean) ** 2;
  const deviation = Math.sqrt(squares / count) + 1e-8;
  for (const values of batch)
    for (let t = 0; t < values.length; t++) values[t] = (values[t]! - mean) / deviation;
}
