import { existsSync, lstatSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { devicePaths, etcPaths, usrLinks } from './build-command.js';

/** The empty skeleton over which each run mounts its private root, and what of the host to show in it. */
export interface PreparedRoot {
  readonly root: string;
  /** Host paths to bind read-only at the same place, beyond /usr. */
  readonly exists: readonly string[];
}

const created = new Set<string>();
let cleansAtExit = false;

/** Removes a folder when this process exits. */
export function removeAtExit(path: string): void {
  created.add(path);
  if (cleansAtExit) return;
  cleansAtExit = true;
  process.on('exit', () => {
    for (const folder of created) rmSync(folder, { recursive: true, force: true });
  });
}

async function addFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '');
}

const prepared = new Map<string, Promise<PreparedRoot>>();

/** The skeleton in a private temporary folder that is removed when this process exits; one per set of paths. */
export function prepareRoot(readOnlyPaths: readonly string[]): Promise<PreparedRoot> {
  const key = JSON.stringify(readOnlyPaths);
  let root = prepared.get(key);
  if (!root) {
    root = createRoot(readOnlyPaths);
    prepared.set(key, root);
  }
  return root;
}

async function createRoot(readOnlyPaths: readonly string[]): Promise<PreparedRoot> {
  const base = mkdtempSync(join(tmpdir(), 'srcode-root-'));
  removeAtExit(base);
  await chmod(base, 0o711);
  const root = join(base, 'root');
  for (const name of ['usr', 'etc', 'dev', 'proc', 'tmp', 'work', 'shared'])
    await mkdir(join(root, name), { recursive: true });
  const exists: string[] = [];
  for (const name of usrLinks) {
    const host = `/${name}`;
    if (!existsSync(host)) continue;
    if (lstatSync(host).isSymbolicLink()) await symlink(readlinkSync(host), join(root, name));
    else {
      await mkdir(join(root, name));
      exists.push(host);
    }
  }
  for (const name of devicePaths) await addFile(join(root, 'dev', name));
  for (const path of [...etcPaths.map((name) => `/etc/${name}`), ...readOnlyPaths]) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isFile()) await addFile(join(root, path));
    else await mkdir(join(root, path), { recursive: true });
    exists.push(path);
  }
  return { root, exists };
}
