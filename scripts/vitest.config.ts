import { mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.js';

export default mergeConfig(shared, {
  test: { name: 'scripts', include: ['*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000 },
});
