import type { Clock, WarningEvent } from '@srcode/core';

/** Which library: `cpu` is the wheel `tensorflow-cpu`, `cuda` the wheel `tensorflow`, `given` the user's own. */
export type TensorflowVariant = 'cpu' | 'cuda' | 'given';

export type InstallStep = 'check' | 'library' | 'sources' | 'build' | 'verify' | 'store';

/** One step has begun or ended. */
export interface InstallStepEvent {
  readonly type: 'install-step';
  readonly step: InstallStep;
  readonly state: 'start' | 'end';
  /** What is being done, or what came of it. */
  readonly message: string;
  /** Milliseconds the step took; 0 at its start. */
  readonly elapsedMs: number;
}

export type InstallEvent = InstallStepEvent | WarningEvent;

export interface InstallTensorflowOptions {
  /** Take the library with CUDA support (`tensorflow`); without a GPU it computes on the CPU. Default false. */
  readonly cuda?: boolean;
  /** A libtensorflow of your own: an unpacked folder (`include/`, `lib/`), a wheel's folder, or a `.whl` file. Default `SRCODE_LIBTENSORFLOW`. */
  readonly libtensorflowPath?: string;
  /** Default: `SRCODE_CACHE`, else `srcode` in the user's cache folder. */
  readonly cacheDir?: string;
  /** Build again even when it is installed. Default false. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  readonly environment?: NodeJS.ProcessEnv;
  readonly clock?: Clock;
}

/** What the verification in a fresh process found. */
export interface TensorflowCheck {
  /** Version that the loaded library reports. */
  readonly tensorflowVersion: string;
  /** True when TensorFlow computes on a GPU. */
  readonly gpu: boolean;
  /** Largest difference between the product and the same product in JavaScript. */
  readonly matMulError: number;
  /** Largest difference between the gradient and the analytic one. */
  readonly gradientError: number;
  /** Median speed of a 512³ float32 product. */
  readonly gigaflops: number;
}

/** What is installed; kept as `stamp.json` beside the binding. */
export interface InstallStamp {
  readonly format: 1;
  readonly variant: TensorflowVariant;
  readonly tensorflowVersion: string;
  /** What the library came from: the path that was given, or the wheel's name. */
  readonly library: string;
  /** Folder that the binding loads the library from. */
  readonly libraryFolder: string;
  /** SHA-256 of the wheel, when it was fetched. */
  readonly wheelSha256: string | null;
  readonly bindingVersion: string;
  readonly napiVersion: number;
  readonly platform: string;
  /** Processor that the kernels were compiled for. */
  readonly processor: string;
  /** Version of our kernels' interface. */
  readonly kernels: number;
  readonly check: TensorflowCheck;
}

export interface InstallResult {
  readonly state: 'installed' | 'already-installed';
  readonly folder: string;
  readonly stamp: InstallStamp;
  readonly elapsedMs: number;
}
