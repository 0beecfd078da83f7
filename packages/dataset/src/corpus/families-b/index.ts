import type { ScenarioFamily } from '../scenario-family.js';

/** Families on lifetimes, pointers, paths, commands, formats and control flow. */
export const familiesB: readonly ScenarioFamily[] = [];
