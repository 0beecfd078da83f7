import { mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.js';

export default mergeConfig(shared, {
  test: { name: 'examples', testTimeout: 180_000 },
});
