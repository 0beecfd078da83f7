import type { ScenarioFamily } from '../scenario-family.js';
import { arrayLoad, arrayStore, byteTally, codeName, gridCell, rowSet } from './array-access.js';
import { copyField, copyWhole, findMark, readNumber, tagValue } from './buffer-reads.js';
import { copyBack, escapeText, expandRuns, packBits } from './coding.js';
import { charTally, growBuffer, parseDigits, readWord, stackPop, stackPush, trimEnd } from './containers.js';
import { addAmounts, imageBytes, magnitude, midpoint, setBit, takeUnits } from './integer-arithmetic.js';
import {
  dropHeader,
  joinParts,
  makeTable,
  narrowLength,
  signedLength,
  storeSlice,
} from './size-conversion.js';
import {
  appendText,
  copyName,
  copyTerminated,
  fixedField,
  printSetting,
  shortenCopy,
} from './string-copies.js';

/** Families on buffers, indices, sizes and integer arithmetic. */
export const familiesA: readonly ScenarioFamily[] = [
  arrayStore,
  arrayLoad,
  gridCell,
  codeName,
  byteTally,
  rowSet,
  copyTerminated,
  shortenCopy,
  copyName,
  printSetting,
  appendText,
  fixedField,
  copyField,
  readNumber,
  tagValue,
  findMark,
  copyWhole,
  addAmounts,
  midpoint,
  magnitude,
  imageBytes,
  takeUnits,
  setBit,
  signedLength,
  narrowLength,
  joinParts,
  makeTable,
  dropHeader,
  storeSlice,
  stackPush,
  stackPop,
  trimEnd,
  charTally,
  growBuffer,
  parseDigits,
  readWord,
  expandRuns,
  escapeText,
  packBits,
  copyBack,
];
