import { type FileHandle, open } from 'node:fs/promises';
import { wrapFileError } from '@srcode/core';
import { decodeBfloat16, decodeFloat16 } from '../float-formats.js';
import { partLength, ReadScratch, readExactly } from '../read-exactly.js';
import {
  failSafetensors,
  parseHeaderLength,
  parseSafetensorsHeader,
  type SafetensorsEntry,
} from './parse-header.js';

/** An open safetensors file; tensors are read one at a time, on demand. */
export class SafetensorsFile {
  readonly path: string;
  /** By name, in file order. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly #handle: FileHandle;
  readonly #scratch = new ReadScratch();

  private constructor(path: string, handle: FileHandle, entries: ReadonlyMap<string, SafetensorsEntry>) {
    this.path = path;
    this.#handle = handle;
    this.entries = entries;
  }

  /** Opens the file and checks its header against its size. Throws `ModelFileError`. Caller closes. */
  static async open(path: string): Promise<SafetensorsFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const { size } = await handle.stat();
      const start = await readExactly(handle, 0, Math.min(8, size), path);
      const headerBytes = parseHeaderLength(start, size, path);
      const header = await readExactly(handle, 8, headerBytes, path);
      return new SafetensorsFile(path, handle, parseSafetensorsHeader(header, size, path));
    } catch (error) {
      await handle?.close();
      throw wrapFileError(error, path, 'read');
    }
  }

  /**
   * Values of a tensor as float32, row-major, in parts: a part's array is used again for the next, also by the next
   * call. Throws `ModelFileError` when there is no such tensor.
   */
  async *readParts(name: string): AsyncGenerator<Float32Array> {
    const { offset, byteLength, type } = this.#entry(name);
    const size = type === 'F32' ? 4 : 2;
    const total = byteLength / size;
    const step = partLength(1, total);
    const { raw, values } = this.#scratch.get(step * size, type === 'F32' ? 0 : step);
    try {
      for (let from = 0; from < total; from += step) {
        const count = Math.min(step, total - from);
        await readExactly(this.#handle, offset + from * size, count * size, this.path, raw);
        if (type === 'F32') yield new Float32Array(raw.buffer, 0, count);
        else if (type === 'BF16')
          yield decodeBfloat16(new Uint16Array(raw.buffer, 0, count), values.subarray(0, count));
        else yield decodeFloat16(new Uint16Array(raw.buffer, 0, count), values.subarray(0, count));
      }
    } catch (error) {
      throw wrapFileError(error, this.path, 'read');
    }
  }

  /** All values of a tensor; see `readParts`. */
  async readTensor(name: string): Promise<Float32Array> {
    const { byteLength, type } = this.#entry(name);
    const values = new Float32Array(byteLength / (type === 'F32' ? 4 : 2));
    let at = 0;
    for await (const part of this.readParts(name)) {
      values.set(part, at);
      at += part.length;
    }
    return values;
  }

  #entry(name: string): SafetensorsEntry {
    const entry = this.entries.get(name);
    if (!entry)
      failSafetensors(this.path, `expected a tensor ${JSON.stringify(name)}, found none.`, { name });
    return entry;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
