/** Arms of the reproduction in the order of every table and plot. */
const knownArms: Readonly<Record<string, { readonly label: string; readonly color: string }>> = {
  base: { label: 'Base', color: 'var(--arm-base)' },
  sft: { label: 'SFT', color: 'var(--arm-sft)' },
  'sft-more': { label: 'SFT (more)', color: 'var(--arm-more)' },
  'ppo-instance': { label: 'PPO (instance)', color: 'var(--arm-instance)' },
  'ppo-line': { label: 'PPO (line)', color: 'var(--arm-line)' },
  'ppo-token': { label: 'PPO (token)', color: 'var(--arm-token)' },
};
const spareColors = ['var(--arm-spare-2)', 'var(--arm-spare-3)'];

export function armLabel(arm: string): string {
  return Object.hasOwn(knownArms, arm) ? knownArms[arm]!.label : arm;
}

/** Distinct arms: the known ones in their order, then others by name. */
export function orderArms(arms: Iterable<string>): string[] {
  const rank = (arm: string): number => {
    const at = Object.keys(knownArms).indexOf(arm);
    return at === -1 ? Number.MAX_SAFE_INTEGER : at;
  };
  return [...new Set(arms)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** A CSS colour per arm, from a palette that people with colour-blindness can tell apart (after Okabe and Ito). */
export function armColors(arms: readonly string[]): Map<string, string> {
  const spare = arms.filter((arm) => !Object.hasOwn(knownArms, arm));
  return new Map(
    arms.map((arm) => [
      arm,
      Object.hasOwn(knownArms, arm)
        ? knownArms[arm]!.color
        : spareColors[spare.indexOf(arm) % spareColors.length]!,
    ]),
  );
}
