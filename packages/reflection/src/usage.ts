/** What requests cost. Token counts are the server's own, or estimated where it gives none. */
export interface Usage {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In the currency of the price table; null where a model that answered has no price. */
  readonly cost: number | null;
  /** True when a server gave no usage and some tokens are counted as characters / 4. */
  readonly estimated: boolean;
}

/** Prices per million tokens, in whatever currency the caller thinks in. */
export interface ModelPrice {
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
}

/** Limits of one call of `runReflection`; what an earlier, interrupted call used does not count. */
export interface Budget {
  /** Input plus output tokens. */
  readonly maxTokens?: number;
  /** Needs a price for the model. */
  readonly maxCost?: number;
}

export const ZERO_USAGE: Usage = {
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: 0,
  estimated: false,
};

/** Sum of two usages; the cost is null when either is. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    requests: a.requests + b.requests,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cost: a.cost === null || b.cost === null ? null : a.cost + b.cost,
    estimated: a.estimated || b.estimated,
  };
}

/** Cost of a request in the table's currency, or null without a price. */
export function priceTokens(
  inputTokens: number,
  outputTokens: number,
  price: ModelPrice | undefined,
): number | null {
  if (price === undefined) return null;
  return (inputTokens * price.inputPerMillion + outputTokens * price.outputPerMillion) / 1e6;
}

/** True when the usage has reached a limit of the budget. */
export function isBudgetSpent(usage: Usage, budget: Budget | undefined): boolean {
  if (budget?.maxTokens !== undefined && usage.inputTokens + usage.outputTokens >= budget.maxTokens)
    return true;
  return budget?.maxCost !== undefined && usage.cost !== null && usage.cost >= budget.maxCost;
}
