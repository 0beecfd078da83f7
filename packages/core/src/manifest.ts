import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, cpus, platform, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type Clock, systemClock } from './clock.js';
import { wrapFileError, writeFileAtomic } from './files.js';
import { hashFile } from './hash.js';
import { InputError } from './srcode-error.js';

/** What a run was made of: enough to repeat it and to see whether two runs are comparable. */
export const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  command: z.string(),
  /** Options after defaults and config file, as they took effect. */
  options: z.record(z.string(), z.unknown()),
  seed: z.union([z.number(), z.string()]).nullable(),
  /** Input name → sha256 of its bytes. */
  inputs: z.record(z.string(), z.object({ path: z.string(), sha256: z.string() })),
  /** Output name → sha256 of its bytes. */
  outputs: z.record(z.string(), z.object({ path: z.string(), sha256: z.string() })).default({}),
  versions: z.record(z.string(), z.string()),
  gitCommit: z.string().nullable(),
  host: z.object({
    platform: z.string(),
    arch: z.string(),
    cpu: z.string(),
    cores: z.number(),
    memoryBytes: z.number(),
  }),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  /** Parts that are recorded, replayed or tiny by design, named so that no reader mistakes them. */
  synthetic: z.array(z.string()).default([]),
  extra: z.record(z.string(), z.unknown()).default({}),
});
export type Manifest = z.infer<typeof manifestSchema>;

export interface CreateManifestOptions {
  readonly command: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed?: number | string | null;
  /** Name → path; hashed here. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly versions?: Readonly<Record<string, string>>;
  readonly synthetic?: readonly string[];
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
}

const secretKey =
  /(?:api[-_]?keys?|tokens?|secrets?|passwords?|passphrase|credentials?|authorization|bearer)$/i;
/** Key names that end like a secret and are none: model options. */
const harmlessKey =
  /^(?:max|min|num|total|new|pad|eos|bos|unk|stop|special|prompt|completion|input|output)[-_A-Za-z]*tokens?$/i;
const REDACTED = '[redacted]';
/** Longer options are data and no place for a secret that a pattern finds in time. */
const MAX_SCANNED_CHARS = 100_000;

const isSecretKey = (key: string): boolean => secretKey.test(key) && !harmlessKey.test(key);

/** A text without what looks like credentials: in URLs, after secret-looking flags or names, and bearer or `sk-` keys. */
function redactText(text: string): string {
  if (text.length > MAX_SCANNED_CHARS) return text;
  return text
    .replace(/(:\/\/)[^\s/@:]*:[^\s/@]*@/g, `$1${REDACTED}@`)
    .replace(
      /((?<![\w-])[\w-]*(?:api[-_]?key|token|secret|password|passphrase)(?:=|:\s*|\s+))("[^"]*"|'[^']*'|[^\s&"']+)/gi,
      (whole, name: string) =>
        isSecretKey(name.replace(/^-+|[=:\s]+$/g, '')) && /^-|=$|:\s*$/.test(name)
          ? `${name}${REDACTED}`
          : whole,
    )
    .replace(/\b(Bearer\s+)[\w.~+/=-]{8,}/gi, `$1${REDACTED}`)
    .replace(/\bsk-[\w-]{16,}/g, REDACTED);
}

/** Every text within a value replaced; its shape stays. */
function redactWhole(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? value : REDACTED;
  if (Array.isArray(value)) return value.map(redactWhole);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redactWhole(inner)]));
}

/**
 * A copy in which texts under secret-looking keys (`apiKey`, `token`, …) are replaced at every depth, and
 * credentials within other texts too: `https://user:password@host`, `--api-key x`, `Bearer x`, `sk-…`.
 */
export function redactSecrets<T>(value: T): T {
  if (typeof value === 'string') return redactText(value) as T;
  if (Array.isArray(value)) return value.map((item) => redactSecrets(item)) as T;
  if (value === null || typeof value !== 'object') return value;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isSecretKey(key) ? redactWhole(inner) : redactSecrets(inner),
    ]),
  ) as T;
}

async function readGitCommit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], { timeout: 5000 });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

/** A manifest of a run about to start; inputs are hashed, secrets redacted. */
export async function createManifest(options: CreateManifestOptions): Promise<Manifest> {
  const clock = options.clock ?? systemClock;
  const inputs: Manifest['inputs'] = {};
  for (const [name, path] of Object.entries(options.inputs ?? {})) {
    inputs[name] = { path, sha256: await hashFile(path) };
  }
  const processors = cpus();
  return {
    schemaVersion: 1,
    command: redactSecrets(options.command),
    options: redactSecrets({ ...options.options }),
    seed: options.seed ?? null,
    inputs,
    outputs: {},
    versions: { node: process.version, ...options.versions },
    gitCommit: await readGitCommit(),
    host: {
      platform: platform(),
      arch: arch(),
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      memoryBytes: totalmem(),
    },
    startedAt: new Date(clock.now()).toISOString(),
    finishedAt: null,
    synthetic: [...(options.synthetic ?? [])],
    extra: redactSecrets({ ...options.extra }),
  };
}

/** Writes the manifest with its end time and the hashes of the outputs named. */
export async function finishManifest(
  manifest: Manifest,
  path: string,
  options: { readonly outputs?: Readonly<Record<string, string>>; readonly clock?: Clock } = {},
): Promise<Manifest> {
  const outputs: Manifest['outputs'] = {};
  for (const [name, file] of Object.entries(options.outputs ?? {}))
    outputs[name] = { path: file, sha256: await hashFile(file) };
  const finished: Manifest = {
    ...manifest,
    outputs,
    finishedAt: new Date((options.clock ?? systemClock).now()).toISOString(),
  };
  await writeFileAtomic(path, `${JSON.stringify(finished, null, 2)}\n`);
  return finished;
}

/** Reads and validates a manifest. */
export async function readManifest(path: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw wrapFileError(error, path, 'read');
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new InputError({
      code: 'MANIFEST_INVALID',
      message: `${path}: expected a run manifest, got something else. It may be cut short; remove it and run the stage again.`,
      context: { path },
      cause,
    });
  }
}
