export { type Clock, fixedClock, systemClock } from './clock.js';
export { drainJob, type JobEvent, type ProgressEvent, type WarningEvent } from './events.js';
export { ensureWritableFolder, wrapFileError, writeFileAtomic } from './files.js';
export { canonicalJson, hashFile, sha256Hex } from './hash.js';
export {
  type JsonlLine,
  JsonlWriter,
  MalformedLineError,
  parseJsonlLine,
  type ReadJsonlOptions,
  type ReadLinesOptions,
  readJsonl,
  readLines,
  repairJsonlTail,
} from './jsonl.js';
export {
  type CreateManifestOptions,
  createManifest,
  finishManifest,
  type Manifest,
  manifestSchema,
  readManifest,
  redactSecrets,
} from './manifest.js';
export { Rng } from './rng.js';
export {
  CancelledError,
  EnvironmentError,
  InputError,
  SrcodeError,
  type SrcodeErrorOptions,
  throwIfCancelled,
} from './srcode-error.js';
