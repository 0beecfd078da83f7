import { type FileHandle, open } from 'node:fs/promises';
import { wrapFileError } from '@srcode/core';
import { partLength, ReadScratch, readExactly } from '../read-exactly.js';
import { dequantize } from './dequantize.js';
import { failGguf, NeedMoreBytes } from './gguf-cursor.js';
import { type GgufHeader, parseGgufHeader } from './parse-gguf-header.js';
import { blockFormats } from './tensor-types.js';

/** 256 MiB: headers hold the tokenizer, a few MiB in published files. */
const maxHeaderBytes = 256 * 1024 * 1024;

async function readHeader(handle: FileHandle, path: string): Promise<GgufHeader> {
  const { size } = await handle.stat();
  for (let want = 1 << 20; ; want *= 4) {
    const bytes = await readExactly(handle, 0, Math.min(size, want, maxHeaderBytes), path);
    try {
      return parseGgufHeader(bytes, size, path);
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error;
      if (bytes.length === maxHeaderBytes)
        failGguf(path, `the header does not end within ${maxHeaderBytes} bytes.`);
    }
  }
}

/** An open GGUF file; tensors are read and dequantised one at a time, on demand. */
export class GgufFile {
  readonly path: string;
  readonly header: GgufHeader;
  readonly #handle: FileHandle;
  readonly #scratch = new ReadScratch();

  private constructor(path: string, handle: FileHandle, header: GgufHeader) {
    this.path = path;
    this.#handle = handle;
    this.header = header;
  }

  /** Opens the file and checks its header against its size. Throws `ModelFileError`. Caller closes. */
  static async open(path: string): Promise<GgufFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      return new GgufFile(path, handle, await readHeader(handle, path));
    } catch (error) {
      await handle?.close();
      throw wrapFileError(error, path, 'read');
    }
  }

  /**
   * Values of a tensor as float32, row-major, in parts of so many `units` of values (whole blocks each): a part's array is
   * used again for the next, also by the next call. Throws `ModelFileError` when there is no such tensor.
   */
  async *readParts(name: string, unit: number): AsyncGenerator<Float32Array> {
    const tensor = this.header.tensors.get(name);
    if (!tensor) failGguf(this.path, `expected a tensor ${JSON.stringify(name)}, found none.`, { name });
    const { elements, bytes } = blockFormats[tensor.type];
    const total = (tensor.byteLength / bytes) * elements;
    const step = unit % elements === 0 ? partLength(unit, total) : total;
    const { raw, values } = this.#scratch.get((step / elements) * bytes, tensor.type === 'F32' ? 0 : step);
    try {
      for (let from = 0; from < total; from += step) {
        const count = Math.min(step, total - from);
        const at = tensor.offset + (from / elements) * bytes;
        const read = await readExactly(this.#handle, at, (count / elements) * bytes, this.path, raw);
        yield dequantize(read, tensor.type, values.subarray(0, count));
      }
    } catch (error) {
      throw wrapFileError(error, this.path, 'read');
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
