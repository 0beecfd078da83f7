import { lexTokens } from '@srcode/code';
import type { Completion, RewardPair } from '../types.js';

/** A completion whose tokens are the lexical tokens of its text. */
export function createLexicalCompletion(text: string): Completion {
  return {
    text,
    tokenOffsets: lexTokens(text).map(({ start, end }): readonly [number, number] => [start, end]),
  };
}

/** Three small pairs, one per shape of difference; synthetic, written for tests. */
export const examplePairs: Readonly<Record<'insertion' | 'deletion' | 'replacement', RewardPair>> = {
  insertion: {
    id: 'insertion',
    vulnerable:
      'int read_at(const int *table, int count, int index) {\n  int value;\n  value = table[index];\n  return value;\n}\n',
    secure:
      'int read_at(const int *table, int count, int index) {\n  int value;\n  if (index < 0 || index >= count) return -1;\n  value = table[index];\n  return value;\n}\n',
  },
  deletion: {
    id: 'deletion',
    vulnerable:
      'void drop(struct item *item) {\n  unlink_item(item);\n  free(item);\n  log_item(item->name);\n  count--;\n}\n',
    secure: 'void drop(struct item *item) {\n  unlink_item(item);\n  free(item);\n  count--;\n}\n',
  },
  replacement: {
    id: 'replacement',
    vulnerable:
      'void set_name(char *out, size_t size, const char *name) {\n  reset(out);\n  strcpy(out, name);\n  trace("set");\n}\n',
    secure:
      'void set_name(char *out, size_t size, const char *name) {\n  reset(out);\n  snprintf(out, size, "%s", name);\n  trace("set");\n}\n',
  },
};
