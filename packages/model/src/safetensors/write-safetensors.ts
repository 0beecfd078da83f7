import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { wrapFileError } from '@srcode/core';

/** A tensor to write; `read` is called when its turn comes, so that one tensor at a time is in memory. */
export interface WritableTensor {
  readonly name: string;
  readonly shape: readonly number[];
  read(): Promise<Float32Array>;
}

/** The header of a safetensors file with these tensors in this order, padded to a multiple of eight bytes. */
export function formatSafetensorsHeader(
  tensors: readonly Pick<WritableTensor, 'name' | 'shape'>[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + shape.reduce((product, size) => product * size, 4);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  json.copy(padded, 8);
  return padded;
}

/** Writes float32 tensors as a safetensors file; a crash leaves the old file or the new one, never a part. */
export async function writeSafetensors(
  path: string,
  tensors: readonly WritableTensor[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(formatSafetensorsHeader(tensors, metadata));
      for (const tensor of tensors) {
        const data = await tensor.read();
        const expected = tensor.shape.reduce((product, size) => product * size, 1);
        if (data.length !== expected)
          throw new RangeError(`${tensor.name}: expected ${expected} values, got ${data.length}`);
        await handle.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw wrapFileError(error, path, 'write');
  }
}
