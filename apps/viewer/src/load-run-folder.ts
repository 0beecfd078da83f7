import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { InputError, manifestSchema, wrapFileError } from '@srcode/core';
import type { LoadRunFolderOptions } from './load/load-options.js';
import { readCurves } from './load/read-curves.js';
import { readFamilies } from './load/read-families.js';
import { readPairs, readValidation } from './load/read-pairs.js';
import { readRollouts } from './load/read-rollouts.js';
import { readJsonPart } from './load/run-files.js';
import type { MissingPart, ReportInput } from './report-input.js';
import { runResultsSchema } from './schemas.js';

/**
 * What a report shows of a run folder (`results.json`, `manifest.json`, `metrics/`, `rollouts/`, `bench/`, `data/`).
 *
 * Streamed: of rollouts, pairs and curve points an evenly spread sample is held, so memory does not grow
 * with the run. Parts that are absent, and lines that are malformed, are listed in `missing` instead of
 * failing, so that the report of an unfinished run can be looked at too.
 *
 * @throws InputError when the folder itself is not there.
 */
export async function loadRunFolder(dir: string, options: LoadRunFolderOptions = {}): Promise<ReportInput> {
  const info = await stat(dir).catch((error: unknown) => {
    throw wrapFileError(error, dir, 'read');
  });
  if (!info.isDirectory()) {
    throw new InputError({
      code: 'RUN_FOLDER_NOT_FOLDER',
      message: `Expected a run folder at ${dir}, found a file. Point at the folder that holds results.json.`,
      context: { path: dir },
    });
  }
  const missing: MissingPart[] = [];
  const results = await readJsonPart(join(dir, 'results.json'), 'results.json', runResultsSchema, missing);
  const manifest = await readJsonPart(join(dir, 'manifest.json'), 'manifest.json', manifestSchema, missing);
  const { summary, verdicts } = await readValidation(dir, missing);
  return {
    name: basename(resolve(dir)),
    results,
    manifest: manifest ?? results?.manifest ?? null,
    curves: await readCurves(dir, options.maxPointsPerCurve ?? 240, missing, options.signal),
    rollouts: await readRollouts(dir, options.maxRolloutsPerFile ?? 16, missing, options.signal),
    families: await readFamilies(dir, missing, options.signal),
    pairs: await readPairs(dir, options.maxPairs ?? 24, verdicts, summary !== null, missing, options.signal),
    validation: summary,
    missing,
  };
}
