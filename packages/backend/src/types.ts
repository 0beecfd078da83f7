/** Names of the tensor backends, in the order in which they are tried. */
export type BackendName = 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';

/** What a loader says: the backend is registered with tfjs under its name, or why it is not. */
export type LoadResult =
  | { readonly available: true; readonly reason: string }
  | { readonly available: false; readonly reason: string };

export interface BackendCandidate {
  readonly name: BackendName;
  readonly available: boolean;
  /** Why it can or cannot be used, in plain words; `not tried` when a better one was found first. */
  readonly reason: string;
}

export interface BackendReport {
  readonly name: BackendName;
  /** Version of tfjs-core. */
  readonly version: string;
  /** Why this one was chosen. */
  readonly why: string;
  readonly candidates: readonly BackendCandidate[];
}
