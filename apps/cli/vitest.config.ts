import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.js';

export default mergeConfig(shared, {
  // Tests start the real command line from source, seconds each on a busy machine.
  test: { name: 'cli', testTimeout: 180_000 },
});
