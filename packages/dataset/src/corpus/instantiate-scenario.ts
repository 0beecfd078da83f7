import { InputError, Rng } from '@srcode/core';
import type { ScenarioFamily, ScenarioTexts, SlotValues } from './scenario-family.js';

/** `train`, another instance of a family that training knows, or a family that training never sees. */
export type ScenarioSplit = 'train' | 'heldout-instance' | 'heldout-family';

/** One concrete vulnerable and secure function with its prompts and driver. */
export interface ScenarioInstance extends ScenarioTexts {
  /** `<family id>-<index>`, the same whatever number of instances is drawn. */
  readonly id: string;
  readonly familyId: string;
  readonly title: string;
  readonly rootCause: string;
  readonly cwe: string;
  readonly editShape: ScenarioFamily['editShape'];
  readonly split: ScenarioSplit;
  readonly values: SlotValues;
}

/** How many slot combinations a family has; a little more than its distinct instances, see `drawSlotValues`. */
export function countInstances(family: ScenarioFamily): number {
  return Object.values(family.slots).reduce((product, choices) => product * choices.length, 1);
}

/**
 * The first `count` slot combinations of a family in an order drawn from the seed, without repetition.
 *
 * Slots may show on one side only, so a combination that would repeat the vulnerable function, the secure
 * function or a prompt of an earlier one is passed over: answers can be told apart by any of the three.
 * A longer draw starts with the shorter one. Throws `InputError` when the family has too few combinations,
 * unless fewer are allowed.
 */
export function drawSlotValues(
  family: ScenarioFamily,
  count: number,
  seed: number,
  options: { readonly allowFewer?: boolean } = {},
): SlotValues[] {
  const product = countInstances(family);
  if (!Number.isSafeInteger(count) || count < 0) throw tooFewInstances(family, product, count);
  const rng = Rng.fromSeed(seed).fork('scenario', family.id);
  // A Fisher–Yates shuffle of 0 … product − 1, of which only the touched places are kept.
  const moved = new Map<number, number>();
  const seen = new Set<string>();
  const drawn: SlotValues[] = [];
  for (let i = 0; drawn.length < count; i++) {
    if (i >= product && options.allowFewer) break;
    if (i >= product) throw tooFewInstances(family, drawn.length, count);
    const j = i + rng.nextInt(product - i);
    const rank = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
    const values = slotValuesAt(family, rank);
    const { vulnerable, secure, prompts } = family.instantiate(values);
    const texts = [`v ${vulnerable}`, `s ${secure}`, ...prompts.map((prompt) => `p ${prompt.text}`)];
    if (texts.some((text) => seen.has(text))) continue;
    for (const text of texts) seen.add(text);
    drawn.push(values);
  }
  return drawn;
}

function tooFewInstances(family: ScenarioFamily, available: number, asked: number): InputError {
  return new InputError({
    code: 'SCENARIO_TOO_FEW_INSTANCES',
    message: `Family ${family.id}: expected a number of instances from 0 to ${available} (those its slots can tell apart), got ${asked}. Ask for fewer.`,
    context: { family: family.id, available, asked },
  });
}

function slotValuesAt(family: ScenarioFamily, rank: number): SlotValues {
  const values: Record<string, string> = {};
  let rest = rank;
  for (const [slot, choices] of Object.entries(family.slots)) {
    values[slot] = choices[rest % choices.length]!;
    rest = Math.floor(rest / choices.length);
  }
  return values;
}

/** The instance number `index` (from 0) of a family under a seed; its split is `train`. */
export function instantiateScenario(family: ScenarioFamily, index: number, seed: number): ScenarioInstance {
  const values = drawSlotValues(family, index + 1, seed)[index]!;
  return createInstance(family, index, values, 'train');
}

/** @internal */
export function createInstance(
  family: ScenarioFamily,
  index: number,
  values: SlotValues,
  split: ScenarioSplit,
): ScenarioInstance {
  return {
    id: `${family.id}-${String(index).padStart(3, '0')}`,
    familyId: family.id,
    title: family.title,
    rootCause: family.rootCause ?? family.title,
    cwe: family.cwe,
    editShape: family.editShape,
    split,
    values,
    ...family.instantiate(values),
  };
}
