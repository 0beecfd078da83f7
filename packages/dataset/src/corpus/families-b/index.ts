import type { ScenarioFamily } from '../scenario-family.js';
import { heapLeakFamilies } from './heap-leaks.js';
import { heapLifetimeFamilies } from './heap-lifetime.js';
import { nullPointerFamilies } from './null-pointers.js';

/** Families on lifetimes, pointers, paths, commands, formats and control flow. */
export const familiesB: readonly ScenarioFamily[] = [
  ...nullPointerFamilies,
  ...heapLifetimeFamilies,
  ...heapLeakFamilies,
];
