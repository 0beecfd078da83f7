import { InputError } from '@srcode/core';

/** A suite, a result file or an option that does not hold what it must. Exit code 2. */
export class BenchmarkInputError extends InputError {}
