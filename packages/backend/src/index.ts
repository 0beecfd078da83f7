export { BackendUnavailableError } from './errors.js';
export {
  BuildFailedError,
  CompilerMissingError,
  DiskSpaceError,
  LibraryIncompleteError,
  NetworkUnavailableError,
  NpmMissingError,
  PackageCorruptError,
  PackageUnavailableError,
  PipMissingError,
  PlatformUnsupportedError,
  TensorflowInstallError,
  VerifyFailedError,
} from './install/errors.js';
export { readInstallStamp } from './install/install-stamp.js';
export { installTensorflow } from './install/install-tensorflow.js';
export type {
  InstallEvent,
  InstallResult,
  InstallStamp,
  InstallStep,
  InstallStepEvent,
  InstallTensorflowOptions,
  TensorflowCheck,
  TensorflowVariant,
} from './install/types.js';
export { type UninstallTensorflowOptions, uninstallTensorflow } from './install/uninstall-tensorflow.js';
export { loadTensorflow, nativeCacheFolder } from './load-tensorflow.js';
export { type SelectBackendOptions, selectBackend } from './select-backend.js';
export type { BackendCandidate, BackendName, BackendReport, LoadResult } from './types.js';
