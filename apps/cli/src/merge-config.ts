import { readFileSync } from 'node:fs';
import { InputError, wrapFileError } from '@srcode/core';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { parse as parseYaml } from 'yaml';

/** A config file: option names (`max-tokens` or `maxTokens`) to values. YAML, of which JSON is a part. */
function readConfig(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw wrapFileError(error, path, 'read');
  }
  let value: unknown;
  try {
    value = parseYaml(text, { maxAliasCount: 100 });
  } catch (cause) {
    throw new InputError({
      code: 'CONFIG_MALFORMED',
      message: `${path}: expected YAML or JSON, got text that does not parse: ${(cause as Error).message}`,
      context: { path },
      cause,
    });
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new InputError({
      code: 'CONFIG_MALFORMED',
      message: `${path}: expected a mapping of option names to values.`,
      context: { path },
    });
  }
  return value as Record<string, unknown>;
}

/** A value of the file as the flag would have given it. Throws `InvalidArgumentError` when the flag would not take it. */
function parseValue(option: Option, raw: unknown): unknown {
  const isFlag = !option.required && !option.optional;
  if (isFlag) {
    if (typeof raw === 'boolean') return raw;
    throw new InvalidArgumentError(`expected true or false, got ${JSON.stringify(raw)}.`);
  }
  const given = Array.isArray(raw) ? raw : [raw];
  const isPlain = given.every((item) => ['string', 'number', 'boolean'].includes(typeof item));
  const isList = Array.isArray(option.defaultValue) || option.variadic;
  if (!isPlain || (Array.isArray(raw) && !isList))
    throw new InvalidArgumentError(
      `expected ${isList ? 'values' : 'one value'}, got ${JSON.stringify(raw)}.`,
    );
  const { parseArg } = option;
  if (parseArg === undefined) return isList ? given.map(String) : String(raw);
  let value: unknown = isList ? [] : undefined;
  for (const item of given) value = parseArg(String(item), value as never);
  return value;
}

/** Folds a config file into the parsed flags: a flag given on the command line wins, a default loses. */
export function mergeConfig(command: Command, path: string): void {
  const known = new Map(
    command.options
      .filter((option) => option.attributeName() !== 'config')
      .map((option) => [option.attributeName(), option]),
  );
  for (const [key, raw] of Object.entries(readConfig(path))) {
    const option =
      known.get(key) ?? known.get(key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()));
    if (option === undefined) {
      throw new InputError({
        code: 'CONFIG_UNKNOWN_OPTION',
        message: `${path}: unknown option "${key}". This command knows: ${[...known.keys()].join(', ')}.`,
        context: { path, key },
      });
    }
    const name = option.attributeName();
    if (command.getOptionValueSource(name) === 'cli') continue;
    try {
      command.setOptionValueWithSource(name, parseValue(option, raw), 'config');
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new InputError({
        code: 'CONFIG_BAD_VALUE',
        message: `${path}: option "${key}": ${error.message}`,
        context: { path, key },
        cause: error,
      });
    }
  }
}
