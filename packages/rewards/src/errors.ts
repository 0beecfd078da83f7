import { InputError } from '@srcode/core';

/** Options, offsets or a request that break the contract of a reward function. */
export class RewardInputError extends InputError {}
