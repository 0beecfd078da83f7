import type { FileHandle } from 'node:fs/promises';
import { ModelFileError } from './errors.js';

/** 2^18 float32 values, 1 MiB: a part that the processor's cache still holds when it is looked at again. */
const partValues = 1 << 18;

/** How many of `total` values to read at once: whole units, about `partValues` of them. */
export function partLength(unit: number, total: number): number {
  return Math.min(total, Math.max(1, Math.floor(partValues / unit)) * unit);
}

/** Arrays of a file's reader that serve one part after the other: garbage of each tensor would outgrow the model. */
export class ReadScratch {
  #raw = new Uint8Array(0);
  #values = new Float32Array(0);

  /** At least so many bytes and values; contents are of the part before. */
  get(bytes: number, values: number): { readonly raw: Uint8Array; readonly values: Float32Array } {
    if (this.#raw.length < bytes) this.#raw = new Uint8Array(bytes);
    if (this.#values.length < values) this.#values = new Float32Array(values);
    return { raw: this.#raw, values: this.#values };
  }
}

/** 1 GiB: Node reads at most 2^31 − 1 bytes at a time. */
const maxReadBytes = 1 << 30;

/**
 * Exactly `length` bytes at `position`, in a buffer of their own or at the start of `into`. Throws `ModelFileError` when the
 * file ends before.
 */
export async function readExactly(
  handle: FileHandle,
  position: number,
  length: number,
  path: string,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const bytes = into?.subarray(0, length) ?? new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(
      bytes,
      done,
      Math.min(length - done, maxReadBytes),
      position + done,
    );
    if (bytesRead === 0) {
      throw new ModelFileError({
        code: 'MODEL_FILE_TRUNCATED',
        message: `${path}: expected ${length} bytes at ${position}, the file ended at ${position + done}. It was cut short; download it again.`,
        context: { path, position, length },
      });
    }
    done += bytesRead;
  }
  return bytes;
}
