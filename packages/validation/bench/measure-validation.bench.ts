/**
 * Validates every pair of a file and prints counts by reason, rate and, on request, the cases.
 *
 *   npx tsx --conditions=@srcode/source bench/measure-validation.bench.ts FILE.jsonl [--cases CODE]
 *
 * Reads rows with `vulnerable` and `fixed`, rows with `vulnerable` and `repair`, and PrimeVul+ records.
 */
import { readFile } from 'node:fs/promises';
import { drainJob } from '@srcode/core';
import type { Reflection } from '@srcode/dataset';
import { type ValidationInput, validateDataset } from '../src/index.js';

interface Row extends Partial<ValidationInput> {
  readonly id: string;
  readonly vulnerable: string;
  readonly fixed?: string;
  readonly repair?: string;
}

function toInput(row: Row): ValidationInput {
  const isTeacher = row.repair !== undefined;
  const confidence =
    row.confidence ?? (row.reflections as readonly Reflection[] | undefined)?.at(-1)?.confidence ?? null;
  const { id, vulnerable, language, cwe, prompts, reflections } = row;
  return {
    ...{ id, vulnerable, confidence },
    secure: row.secure ?? row.repair ?? row.fixed ?? '',
    ...(language ? { language } : {}),
    ...(cwe ? { cwe } : {}),
    ...(prompts ? { prompts } : {}),
    ...(reflections ? { reflections } : {}),
    ...(isTeacher ? { teacher: { model: 'recorded', replayed: true } } : {}),
  };
}

const [path, flag, wanted] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: measure-validation.bench.ts FILE.jsonl [--cases CODE]');
const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
const inputs = lines.map((line) => toInput(JSON.parse(line) as Row));
// One record first, so that loading the grammar is not counted.
await drainJob(validateDataset(inputs.slice(0, 1)));
const cpuBefore = process.cpuUsage();
const started = performance.now();
const report = await drainJob(validateDataset(inputs), (event) => {
  if (event.type !== 'record' || flag !== '--cases') return;
  const { verdict, record } = event;
  for (const objection of [...verdict.rejections, ...verdict.warnings, ...verdict.promptRejections]) {
    if (wanted !== undefined && objection.code !== wanted) continue;
    const prompt =
      objection.promptIndex === undefined ? '' : ` | ${record.prompts?.[objection.promptIndex]?.text}`;
    console.log(`${record.id} ${objection.code}: ${objection.reason}${prompt}`);
  }
});
const seconds = (performance.now() - started) / 1000;
const cpuSeconds = process.cpuUsage(cpuBefore).user / 1e6;
console.log(
  JSON.stringify({ ...report, cweStats: undefined, cwes: Object.keys(report.cweStats).length }, null, 2),
);
console.log(
  `${report.total} pairs in ${seconds.toFixed(2)} s wall, ${cpuSeconds.toFixed(2)} s cpu: ${Math.round(report.total / seconds)} pairs/s wall, ${Math.round(report.total / cpuSeconds)} pairs per cpu second`,
);
