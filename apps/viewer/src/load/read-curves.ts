import type { Curve, MissingPart } from '../report-input.js';
import { metricsLineSchema } from '../schemas.js';
import { EvenSample } from './even-sample.js';
import { MAX_CURVES } from './load-options.js';
import { listArmFiles, readLinesOf } from './run-files.js';

/** Curves of every `metrics/<arm>-seed<k>.jsonl`, thinned while reading. */
export async function readCurves(
  runFolder: string,
  maxPoints: number,
  missing: MissingPart[],
  signal: AbortSignal | undefined,
): Promise<Curve[]> {
  const files = await listArmFiles(runFolder, 'metrics');
  if (files.length === 0) missing.push({ part: 'metrics/', problem: 'no learning curves' });
  const curves: Curve[] = [];
  for (const file of files) {
    const series = new Map<
      string,
      { stage: string; metric: string; sample: EvenSample<readonly [number, number]> }
    >();
    for await (const line of readLinesOf(file.path, file.label, metricsLineSchema, missing, signal)) {
      for (const [metric, value] of Object.entries(line.metrics)) {
        if (value === null) continue;
        const key = JSON.stringify([line.stage, metric]);
        let entry = series.get(key);
        if (!entry) {
          if (curves.length + series.size >= MAX_CURVES) continue;
          entry = { stage: line.stage, metric: metric.slice(0, 80), sample: new EvenSample(maxPoints) };
          series.set(key, entry);
        }
        entry.sample.add([line.step, value]);
      }
    }
    for (const { stage, metric, sample } of series.values())
      curves.push({ arm: file.arm, seed: file.seed, stage, metric, points: sample.items() });
  }
  return curves;
}
