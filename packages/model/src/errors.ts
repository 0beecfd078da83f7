import { InputError } from '@srcode/core';

/** A model directory, weight file or configuration that is broken, cut short or not supported. */
export class ModelFileError extends InputError {}

/** A tokenizer file that is broken, not supported, or does not belong to the model. */
export class TokenizerError extends InputError {}
