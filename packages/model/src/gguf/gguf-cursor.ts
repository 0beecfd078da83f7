import { ModelFileError } from '../errors.js';

/** The buffer ends before the value; more of the file must be read. Never leaves this folder. */
export class NeedMoreBytes extends Error {}

/** 1 MiB: the longest strings in published files are chat templates of some ten thousand characters. */
const maxStringBytes = 1 << 20;

/** Reports what is wrong with a GGUF file. */
export function failGguf(path: string, problem: string, context: Record<string, unknown> = {}): never {
  throw new ModelFileError({
    code: 'GGUF_INVALID',
    message: `${path}: ${problem} The file is damaged, incomplete or no GGUF file; download it again.`,
    context: { path, ...context },
  });
}

/** Reads little-endian values from the start of a file of `fileBytes`, of which only `bytes` are in memory yet. */
export class GgufCursor {
  readonly path: string;
  readonly fileBytes: number;
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, fileBytes: number, path: string) {
    this.path = path;
    this.fileBytes = fileBytes;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves past `count` bytes and returns where they start. */
  #take(count: number): number {
    const at = this.position;
    if (at + count > this.fileBytes)
      failGguf(this.path, `expected ${count} bytes at ${at}, the file ends at ${this.fileBytes}.`);
    if (at + count > this.#bytes.length) throw new NeedMoreBytes();
    this.position = at + count;
    return at;
  }

  /** Throws unless at least `count` bytes are left in the file: a cheap test before a long loop. */
  requireLeft(count: number, what: string): void {
    if (this.position + count > this.fileBytes)
      failGguf(
        this.path,
        `${what} need at least ${count} bytes, ${this.fileBytes - this.position} are left.`,
      );
  }

  u8 = (): number => this.#view.getUint8(this.#take(1));
  i8 = (): number => this.#view.getInt8(this.#take(1));
  u16 = (): number => this.#view.getUint16(this.#take(2), true);
  i16 = (): number => this.#view.getInt16(this.#take(2), true);
  u32 = (): number => this.#view.getUint32(this.#take(4), true);
  i32 = (): number => this.#view.getInt32(this.#take(4), true);
  f32 = (): number => this.#view.getFloat32(this.#take(4), true);
  f64 = (): number => this.#view.getFloat64(this.#take(8), true);
  u64 = (): bigint => this.#view.getBigUint64(this.#take(8), true);
  i64 = (): bigint => this.#view.getBigInt64(this.#take(8), true);

  /** A 64-bit count of at most `limit`. */
  count(limit: number, what: string): number {
    const value = this.u64();
    if (value > BigInt(limit))
      failGguf(this.path, `${what}: expected at most ${limit}, the file claims ${value}.`);
    return Number(value);
  }

  string(): string {
    const length = this.count(maxStringBytes, `length of the string at byte ${this.position}`);
    const at = this.#take(length);
    return new TextDecoder().decode(this.#bytes.subarray(at, at + length));
  }
}
