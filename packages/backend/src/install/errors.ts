import { EnvironmentError } from '@srcode/core';

/** Base of everything that can keep native TensorFlow from being installed; each says the next step. */
export class TensorflowInstallError extends EnvironmentError {}

/** No library or no build for this operating system, processor or C library. */
export class PlatformUnsupportedError extends TensorflowInstallError {}

/** No C++17 compiler. */
export class CompilerMissingError extends TensorflowInstallError {}

/** No Python with pip, which fetches the wheel. */
export class PipMissingError extends TensorflowInstallError {}

/** No npm, which fetches the binding's sources. */
export class NpmMissingError extends TensorflowInstallError {}

/** A registry could not be reached. */
export class NetworkUnavailableError extends TensorflowInstallError {}

/** The registry was reached and has no such package or version for this machine. */
export class PackageUnavailableError extends TensorflowInstallError {}

/** A fetched package is not the one that was pinned. */
export class PackageCorruptError extends TensorflowInstallError {}

/** The library given or fetched lacks headers or shared objects. */
export class LibraryIncompleteError extends TensorflowInstallError {}

/** Not enough room for the library. */
export class DiskSpaceError extends TensorflowInstallError {}

/** The compiler refused the binding's sources. */
export class BuildFailedError extends TensorflowInstallError {}

/** The binding was built and does not load or computes wrongly. */
export class VerifyFailedError extends TensorflowInstallError {}
