export { BackendUnavailableError } from './errors.js';
export { type SelectBackendOptions, selectBackend } from './select-backend.js';
export type { BackendCandidate, BackendName, BackendReport, LoadResult } from './types.js';
