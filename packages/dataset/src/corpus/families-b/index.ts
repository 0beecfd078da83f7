import type { ScenarioFamily } from '../scenario-family.js';
import { arithmeticFamilies } from './arithmetic.js';
import { filePathFamilies } from './file-paths.js';
import { heapLeakFamilies } from './heap-leaks.js';
import { heapLifetimeFamilies } from './heap-lifetime.js';
import { initialStateFamilies } from './initial-state.js';
import { injectionFamilies } from './injection.js';
import { messageLoopFamilies } from './message-loops.js';
import { nullPointerFamilies } from './null-pointers.js';
import { resultFamilies } from './results.js';

/** Families on lifetimes, pointers, paths, commands, formats and control flow. */
export const familiesB: readonly ScenarioFamily[] = [
  ...nullPointerFamilies,
  ...heapLifetimeFamilies,
  ...heapLeakFamilies,
  ...injectionFamilies,
  ...filePathFamilies,
  ...arithmeticFamilies,
  ...resultFamilies,
  ...initialStateFamilies,
  ...messageLoopFamilies,
];
