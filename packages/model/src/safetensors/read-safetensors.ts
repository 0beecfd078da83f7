import { type FileHandle, open } from 'node:fs/promises';
import { wrapFileError } from '@srcode/core';
import { decodeBfloat16, decodeFloat16 } from '../float-formats.js';
import { readExactly } from '../read-exactly.js';
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

  /** Values of a tensor as float32, row-major. Throws `ModelFileError` when there is no such tensor. */
  async readTensor(name: string): Promise<Float32Array> {
    const entry = this.entries.get(name);
    if (!entry)
      failSafetensors(this.path, `expected a tensor ${JSON.stringify(name)}, found none.`, { name });
    try {
      const bytes = await readExactly(this.#handle, entry.offset, entry.byteLength, this.path);
      if (entry.type === 'F32') return new Float32Array(bytes.buffer);
      const halves = new Uint16Array(bytes.buffer);
      return entry.type === 'BF16' ? decodeBfloat16(halves) : decodeFloat16(halves);
    } catch (error) {
      throw wrapFileError(error, this.path, 'read');
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
