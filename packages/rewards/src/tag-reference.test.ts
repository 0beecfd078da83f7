import { describe, expect, it } from 'vitest';
import { tagReference } from './tag-reference.js';
import { examplePairs } from './testing/index.js';

const { insertion, deletion, replacement } = examplePairs;

describe('tagReference', () => {
  it('tags what each side alone has', () => {
    const tags = tagReference(replacement, 'secure');
    expect(tags.map(({ start, end }) => replacement.secure.slice(start, end)).join(' ')).toBe(
      'snprintf , size , "%s"',
    );
    expect(tags.every(({ tag, absence }) => tag === 1 && !absence)).toBe(true);
    const [first, ...rest] = tagReference(replacement, 'vulnerable');
    expect(replacement.vulnerable.slice(first!.start, first!.end)).toBe('strcpy');
    expect(first).toMatchObject({ tag: -1, absence: false });
    expect(rest.every(({ absence }) => absence)).toBe(true);
  });

  it('tags absence on the first token after the place, on either side', () => {
    const [missing, ...none] = tagReference(insertion, 'vulnerable');
    expect(none).toEqual([]);
    expect(missing).toMatchObject({ tag: -1, value: -1, absence: true });
    expect(insertion.vulnerable.slice(missing!.start)).toMatch(/^value = table/);
    const [gone] = tagReference(deletion, 'secure');
    expect(gone).toMatchObject({ tag: 1, value: 1, absence: true });
    expect(deletion.secure.slice(gone!.start)).toMatch(/^count--/);
  });

  it('tags the last token when nothing comes after the place', () => {
    const pair = { id: 'end', vulnerable: 'int a;', secure: 'int a; int b;' };
    expect(tagReference(pair, 'vulnerable')).toMatchObject([{ start: 5, end: 6, absence: true }]);
    expect(tagReference({ id: 'none', vulnerable: '', secure: 'int a;' }, 'vulnerable')).toEqual([]);
  });

  it('gives α and β in all', () => {
    const sum = (side: 'secure' | 'vulnerable'): number =>
      tagReference(replacement, side, { secureMass: 2, vulnerableMass: 3 }).reduce(
        (total, tag) => total + tag.value,
        0,
      );
    expect(sum('secure')).toBeCloseTo(2, 12);
    expect(sum('vulnerable')).toBeCloseTo(-3, 12);
  });
});
