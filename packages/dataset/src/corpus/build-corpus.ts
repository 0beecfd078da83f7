import { InputError } from '@srcode/core';
import { familiesA } from './families/index.js';
import { familiesB } from './families-b/index.js';
import { createInstance, drawSlotValues, type ScenarioInstance } from './instantiate-scenario.js';
import type { ScenarioFamily } from './scenario-family.js';

/** Families that training does not see unless asked otherwise (our choice: both edit shapes, each with kin in training). */
export const defaultHeldOutFamilies = [
  'grid-cell',
  'stack-push',
  'keep-name',
  'shorten-copy',
  'count-steps',
] as const;

/** All built-in families, in a fixed order, ids unique. */
export function scenarioFamilies(): readonly ScenarioFamily[] {
  return [...familiesA, ...familiesB];
}

/** The family of that id. Throws `InputError` naming the known ones. */
export function findScenarioFamily(id: string): ScenarioFamily {
  const family = scenarioFamilies().find((candidate) => candidate.id === id);
  if (family) return family;
  const known = scenarioFamilies().map((candidate) => candidate.id);
  throw new InputError({
    code: 'SCENARIO_UNKNOWN_FAMILY',
    message: `Expected the id of a built-in scenario family, got "${id}". Known: ${known.join(', ')}.`,
    context: { id, known },
  });
}

export interface BuildCorpusOptions {
  /** Decides which instances are drawn and which of them are held out. */
  readonly seed: number;
  /** Ids of the families to use. Default: all. */
  readonly families?: readonly string[];
  /** Default 40. */
  readonly instancesPerFamily?: number;
  /**
   * Slots that vary; every other slot keeps its family's first choice, and a family with fewer combinations than
   * `instancesPerFamily` gives all it has. Default: all slots vary.
   */
  readonly variedSlots?: readonly string[];
  /** Ids of families that are held out whole. Default `defaultHeldOutFamilies`. */
  readonly heldOutFamilies?: readonly string[];
  /** Share of the instances of every other family that is held out, in [0, 1). Default 0.2. */
  readonly heldOutInstanceShare?: number;
}

/**
 * The scenario corpus: distinct instances of every family with their splits, the same for the same options.
 *
 * Every slot value of a held-out instance also occurs in a training instance of its family, none of its
 * functions and prompts does; where that leaves too few candidates, fewer instances are held out. Throws `InputError` on an unknown family or a bad number.
 */
export function buildCorpus(options: BuildCorpusOptions): ScenarioInstance[] {
  const instancesPerFamily = options.instancesPerFamily ?? 40;
  const share = options.heldOutInstanceShare ?? 0.2;
  if (!(share >= 0 && share < 1)) {
    throw new InputError({
      code: 'SCENARIO_BAD_SHARE',
      message: `heldOutInstanceShare: expected a fraction in [0, 1), got ${share}.`,
      context: { share },
    });
  }
  const heldOut = new Set<string>(options.heldOutFamilies ?? defaultHeldOutFamilies);
  for (const id of heldOut) findScenarioFamily(id);
  const families = options.families?.map(findScenarioFamily) ?? scenarioFamilies();
  const { variedSlots } = options;
  return families.flatMap((whole) => {
    const family = variedSlots ? pinSlots(whole, new Set(variedSlots)) : whole;
    const allowFewer = variedSlots !== undefined;
    const drawn = drawSlotValues(family, instancesPerFamily, options.seed, { allowFewer }).map(
      (values, index) =>
        createInstance(family, index, values, heldOut.has(family.id) ? 'heldout-family' : 'train'),
    );
    if (heldOut.has(family.id)) return drawn;
    const out = chooseHeldOut(drawn, Math.round(drawn.length * share));
    return drawn.map((instance, index) =>
      out.has(index) ? { ...instance, split: 'heldout-instance' as const } : instance,
    );
  });
}

/** The family with only the slots in `varied` left open. */
function pinSlots(family: ScenarioFamily, varied: ReadonlySet<string>): ScenarioFamily {
  const slots = Object.entries(family.slots).map(([slot, choices]) => [
    slot,
    varied.has(slot) ? choices : choices.slice(0, 1),
  ]);
  return { ...family, slots: Object.fromEntries(slots) };
}

/** Indices to hold out, from the end, keeping at least one training instance with each of their slot values. */
function chooseHeldOut(drawn: readonly ScenarioInstance[], wanted: number): Set<number> {
  const keysOf = ({ values }: ScenarioInstance) =>
    Object.entries(values).map(([slot, value]) => `${slot}=${value}`);
  const uses = new Map<string, number>();
  for (const instance of drawn) for (const key of keysOf(instance)) uses.set(key, (uses.get(key) ?? 0) + 1);
  const out = new Set<number>();
  for (let index = drawn.length - 1; index >= 0 && out.size < wanted; index--) {
    const keys = keysOf(drawn[index]!);
    if (keys.some((key) => uses.get(key)! < 2)) continue;
    for (const key of keys) uses.set(key, uses.get(key)! - 1);
    out.add(index);
  }
  return out;
}
