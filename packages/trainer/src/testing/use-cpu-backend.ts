import { selectBackend } from '@srcode/backend';
import { beforeAll } from 'vitest';

/** Before the tests of a file: the plain JavaScript backend, which is exact and needs nothing. */
export function useCpuBackend(): void {
  beforeAll(async () => {
    await selectBackend({ prefer: 'cpu' });
  });
}
