import type { PairCheck, PromptCheck } from '../types.js';
import { checkBalanced } from './check-balanced.js';
import { checkChangeSize } from './check-change-size.js';
import { checkConfidence } from './check-confidence.js';
import { checkElision } from './check-elision.js';
import { checkHelpers } from './check-helpers.js';
import { checkParses } from './check-parses.js';
import { checkPromptCode } from './check-prompt-code.js';
import { checkPromptDuplicate } from './check-prompt-duplicate.js';
import { checkPromptText } from './check-prompt-text.js';
import { checkPromptWords } from './check-prompt-words.js';
import { checkProse } from './check-prose.js';
import { checkRealChange } from './check-real-change.js';
import { checkSignature } from './check-signature.js';
import { checkSubstance } from './check-substance.js';
import { checkVerdict } from './check-verdict.js';

/** All pair checks by name, in the order they run. `size` runs first and alone decides whether the rest can. */
export const PAIR_CHECKS: Readonly<Record<string, PairCheck>> = {
  'real-change': checkRealChange,
  prose: checkProse,
  elision: checkElision,
  balanced: checkBalanced,
  parses: checkParses,
  signature: checkSignature,
  'change-size': checkChangeSize,
  substance: checkSubstance,
  helpers: checkHelpers,
  confidence: checkConfidence,
  verdict: checkVerdict,
};

/** All prompt checks by name. */
export const PROMPT_CHECKS: Readonly<Record<string, PromptCheck>> = {
  'prompt-text': checkPromptText,
  'prompt-words': checkPromptWords,
  'prompt-code': checkPromptCode,
  'prompt-duplicate': checkPromptDuplicate,
};
