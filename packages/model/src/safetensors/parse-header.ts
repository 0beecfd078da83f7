import { z } from 'zod';
import { ModelFileError } from '../errors.js';

/** Bytes per element of the types that we read. */
export const elementBytes = { F32: 4, F16: 2, BF16: 2 } as const;
export type ElementType = keyof typeof elementBytes;

/** Where a tensor lies in a safetensors file. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** 100 MB, the limit of the reference implementation: a longer header is damage or an attack. */
export const maxHeaderBytes = 100_000_000;
/** Dimensions of a tensor: no published model has more than five. */
const maxRank = 8;

const integer = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(integer).max(maxRank),
  data_offsets: z.tuple([integer, integer]),
});

/** Reports what is wrong with the file at `path`. */
export function failSafetensors(path: string, problem: string, context: Record<string, unknown> = {}): never {
  throw new ModelFileError({
    code: 'SAFETENSORS_INVALID',
    message: `${path}: ${problem} The file is damaged or incomplete; download or write it again.`,
    context: { path, ...context },
  });
}

/** Length of the JSON header from the file's first eight bytes. Throws `ModelFileError` when it cannot be right. */
export function parseHeaderLength(start: Uint8Array, fileBytes: number, path: string): number {
  if (start.length < 8)
    failSafetensors(path, `expected at least 8 bytes of a safetensors file, found ${fileBytes}.`);
  const length = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes) || length < 2n)
    failSafetensors(path, `expected a header of 2 to ${maxHeaderBytes} bytes, the file claims ${length}.`);
  const bytes = Number(length);
  if (8 + bytes > fileBytes)
    failSafetensors(
      path,
      `the header claims ${bytes} bytes, the file has ${fileBytes - 8} after its length.`,
    );
  return bytes;
}

function parseEntry(name: string, value: unknown, path: string, dataStart: number): SafetensorsEntry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    failSafetensors(
      path,
      `tensor ${JSON.stringify(name)}: field "${issue?.path.join('.')}": ${issue?.message}.`,
      { name },
    );
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  if (!Object.hasOwn(elementBytes, dtype)) {
    throw new ModelFileError({
      code: 'SAFETENSORS_DTYPE',
      message: `${path}: tensor ${JSON.stringify(name)} has type ${JSON.stringify(dtype)}; supported are ${Object.keys(elementBytes).join(', ')}. Convert the model to one of them.`,
      context: { path, name, dtype },
    });
  }
  const type = dtype as ElementType;
  const [begin, end] = offsets;
  const wanted = shape.reduce((product, size) => product * size, elementBytes[type]);
  if (!Number.isSafeInteger(wanted) || end - begin !== wanted) {
    failSafetensors(
      path,
      `tensor ${JSON.stringify(name)} of type ${type} and shape [${shape}] needs ${wanted} bytes, its offsets [${begin}, ${end}] give ${end - begin}.`,
      { name },
    );
  }
  return { name, type, shape, offset: dataStart + begin, byteLength: wanted };
}

/**
 * The tensors that a safetensors header lists, by name.
 *
 * Throws `ModelFileError` unless the tensors fill the data part exactly: no overlap, no hole, nothing missing at the
 * end (as the format demands).
 */
export function parseSafetensorsHeader(
  header: Uint8Array,
  fileBytes: number,
  path: string,
): Map<string, SafetensorsEntry> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header));
  } catch (error) {
    failSafetensors(path, `the header is not JSON (${(error as Error).message}).`);
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    failSafetensors(path, 'the header is not a JSON object.');
  const dataStart = 8 + header.length;
  const entries = Object.entries(json as Record<string, unknown>)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, path, dataStart))
    .sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const entry of entries) {
    if (entry.offset !== end) {
      failSafetensors(
        path,
        `tensor ${JSON.stringify(entry.name)} starts at byte ${entry.offset}, expected ${end}: tensors overlap or leave a hole.`,
        { name: entry.name },
      );
    }
    end += entry.byteLength;
  }
  if (end !== fileBytes)
    failSafetensors(path, `the header lists data up to byte ${end}, the file has ${fileBytes} bytes.`);
  return new Map(entries.map((entry) => [entry.name, entry]));
}
