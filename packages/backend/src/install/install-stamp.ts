import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallStamp } from './types.js';

/** What is installed in `folder`, or undefined: no stamp, one of another format, or files are gone. */
export function readInstallStamp(folder: string): InstallStamp | undefined {
  try {
    const stamp = JSON.parse(
      readFileSync(join(folder, 'stamp.json'), 'utf8'),
    ) as Partial<InstallStamp> | null;
    if (stamp?.format !== 1 || typeof stamp.tensorflowVersion !== 'string') return undefined;
    if (typeof stamp.variant !== 'string' || typeof stamp.library !== 'string') return undefined;
    if (!existsSync(join(folder, 'lib', 'tfjs_binding.node'))) return undefined;
    return stamp as InstallStamp;
  } catch {
    return undefined;
  }
}
