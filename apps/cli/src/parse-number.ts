import { InvalidArgumentError } from 'commander';

/** Parses a whole number of at least `minimum`. */
export function parseWhole(minimum = 0): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < minimum)
      throw new InvalidArgumentError(`expected a whole number of at least ${minimum}, got "${text}".`);
    return value;
  };
}

/** Parses a number in [minimum, maximum]. */
export function parseDecimal(
  minimum = Number.NEGATIVE_INFINITY,
  maximum = Number.POSITIVE_INFINITY,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(
        `expected a number${Number.isFinite(minimum) ? ` from ${minimum}` : ''}${Number.isFinite(maximum) ? ` to ${maximum}` : ''}, got "${text}".`,
      );
    }
    return value;
  };
}
