/** How one OpenAI-compatible server wants to be spoken to. */
export interface Dialect {
  /** Index into the list of response formats. */
  formatLevel: number;
  tokensField: 'max_tokens' | 'max_completion_tokens';
  temperature: boolean;
  seed: boolean;
}

/**
 * Changes the dialect after a refused request whose message names what it did not like. `spoken` is the
 * dialect that the request used: a concurrent request may have changed it already, which counts as a
 * change. Returns false when there is nothing left to change.
 */
export function adaptDialect(
  dialect: Dialect,
  spoken: Dialect,
  message: string,
  formatCount: number,
): boolean {
  if (/max_tokens|max_completion_tokens/.test(message)) {
    if (spoken.tokensField !== 'max_tokens') return false;
    dialect.tokensField = 'max_completion_tokens';
    return true;
  }
  if (/temperature/i.test(message)) {
    dialect.temperature = false;
    return spoken.temperature;
  }
  if (/\bseed\b/i.test(message)) {
    dialect.seed = false;
    return spoken.seed;
  }
  if (/response_format|json_schema|json_object|schema|guided/i.test(message)) {
    if (spoken.formatLevel + 1 >= formatCount) return false;
    dialect.formatLevel = Math.max(dialect.formatLevel, spoken.formatLevel + 1);
    return true;
  }
  return false;
}
