import type { ScenarioFamily } from '../scenario-family.js';
import { arrayLoad, arrayStore, byteTally, codeName, gridCell, rowSet } from './array-access.js';

/** Families on buffers, indices, sizes and integer arithmetic. */
export const familiesA: readonly ScenarioFamily[] = [
  arrayStore,
  arrayLoad,
  gridCell,
  codeName,
  byteTally,
  rowSet,
];
