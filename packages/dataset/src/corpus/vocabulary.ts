/**
 * Shared pools of names, types and sizes.
 *
 * Families of scenarios draw their slots from these few pools, so that a small tokenizer gives each word one
 * token and a small model sees every word often enough to learn to copy it from the prompt. Pools whose words
 * may meet in one function are disjoint.
 */

/** Destination buffers. */
export const destinationNames = ['dst', 'out', 'buf', 'dest'] as const;
/** Source buffers. */
export const sourceNames = ['src', 'in', 'data', 'input'] as const;
/** How many elements or bytes there are. */
export const lengthNames = ['len', 'n', 'count', 'size'] as const;
/** How many elements or bytes fit. */
export const capacityNames = ['cap', 'max', 'room', 'total'] as const;
/** Positions in an array; the loop variable is always `i`. */
export const indexNames = ['idx', 'pos', 'at', 'slot'] as const;
/** Single values. */
export const valueNames = ['val', 'v', 'item', 'x'] as const;
/** Zero-terminated strings. */
export const stringNames = ['str', 's', 'text', 'line'] as const;
/** Arrays that are only read. */
export const tableNames = ['tbl', 'arr', 'map', 'list'] as const;
/** Pointers to a structure that holds state. */
export const stateNames = ['st', 'q', 'ctx', 'self'] as const;

/** Last part of a function name, and what a prompt calls the thing. */
export const nouns = [
  'packet',
  'frame',
  'record',
  'field',
  'sample',
  'event',
  'message',
  'block',
  'entry',
  'token',
  'header',
  'label',
] as const;

/** First part of a function name, by what the function does. */
export const verbs = {
  store: ['store', 'put', 'set', 'write'],
  load: ['load', 'get', 'read', 'fetch'],
  copy: ['copy', 'move', 'pack', 'save'],
  push: ['push', 'add', 'append', 'queue'],
  pop: ['pop', 'take', 'remove', 'pull'],
  find: ['find', 'scan', 'seek', 'locate'],
  count: ['count', 'sum', 'total', 'tally'],
  make: ['make', 'create', 'alloc', 'build'],
  parse: ['parse', 'decode', 'split', 'unpack'],
  format: ['format', 'print', 'encode', 'render'],
  clean: ['clean', 'trim', 'strip', 'reset'],
  drop: ['drop', 'free', 'close', 'release'],
  run: ['run', 'open', 'start', 'call'],
} as const;

/** Element types of arrays. */
export const elementTypes = ['int', 'uint8_t', 'uint16_t', 'uint32_t', 'long', 'short'] as const;
/** Byte-like types. */
export const byteTypes = ['uint8_t', 'unsigned char', 'char', 'int8_t'] as const;
/** Types of sizes that cannot be negative. */
export const unsignedTypes = ['size_t', 'unsigned int', 'uint32_t', 'unsigned long'] as const;
/** Types of sizes and positions that can be negative. */
export const signedTypes = ['int', 'long', 'int32_t', 'int64_t'] as const;

/** Sizes of fixed arrays. */
export const sizes = ['8', '16', '24', '32', '48', '64'] as const;
/** What a function returns when it did not do its work, beside 0 when it did. */
export const failureValues = ['-1', '-2', '-3', '1'] as const;
