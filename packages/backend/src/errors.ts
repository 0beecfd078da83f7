import { EnvironmentError } from '@srcode/core';

/** No backend, or not the one asked for, can be used on this machine. */
export class BackendUnavailableError extends EnvironmentError {}
