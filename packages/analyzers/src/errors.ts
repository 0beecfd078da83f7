import { EnvironmentError, InputError, SrcodeError } from '@srcode/core';

/** An analyzer started but broke: crash, timeout, output that is not what it documents. Exit code 1. */
export class AnalyzerFailedError extends SrcodeError {}

/** The machine lacks the tool asked for. The message says how to install it. Exit code 2. */
export class ToolMissingError extends EnvironmentError {}

/** The sandbox itself could not be set up; says nothing about the program that was to run in it. Exit code 1. */
export class SandboxFailedError extends SrcodeError {}

/** A SARIF document that is not SARIF 2.1.0 or passes its caps. Exit code 2. */
export class MalformedSarifError extends InputError {}
