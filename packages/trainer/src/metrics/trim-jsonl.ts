import { readFile } from 'node:fs/promises';
import { wrapFileError, writeFileAtomic } from '@srcode/core';

/**
 * Drops from a JSON Lines file what a resumed job will write again: lines of `stage` at `step` and later, lines
 * without a stage (rollouts) when `stage` is null, and a last line that was cut short. Returns the lines dropped.
 *
 * A job that is killed has logged more than its last checkpoint holds; without this those steps appear twice.
 * A missing file has nothing to drop.
 */
export async function trimJsonl(
  path: string,
  resumed: { readonly stage: string | null; readonly step: number },
): Promise<number> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw wrapFileError(error, path, 'read');
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const kept = lines.filter((line) => keeps(line, resumed));
  if (kept.length < lines.length || !(text === '' || text.endsWith('\n')))
    await writeFileAtomic(path, kept.map((line) => `${line}\n`).join(''));
  return lines.length - kept.length;
}

function keeps(line: string, resumed: { readonly stage: string | null; readonly step: number }): boolean {
  try {
    const record = JSON.parse(line) as { stage?: unknown; step?: unknown };
    const sameStage = (record.stage ?? null) === resumed.stage;
    return !(sameStage && typeof record.step === 'number' && record.step >= resumed.step);
  } catch {
    return false; // Cut by a crash: it belongs to a step that will be done again.
  }
}
