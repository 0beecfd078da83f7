import { homedir } from 'node:os';
import { join } from 'node:path';

/** `SRCODE_CACHE`, else `srcode` in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`). */
export function cacheRoot(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.SRCODE_CACHE) return environment.SRCODE_CACHE;
  return join(environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache'), 'srcode');
}

/** Where the built binding lies: a folder with a `package.json` whose main module registers `tensorflow`. */
export function bindingFolder(root: string): string {
  return join(root, 'tensorflow');
}

/** Where a library unpacked from a wheel lies; kept when the binding is built again. */
export function libraryFolder(root: string, name: string): string {
  return join(root, 'libtensorflow', name);
}
