import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { JsonlWriter, Rng, readJsonl, writeFileAtomic } from '@srcode/core';
import {
  buildCorpus,
  type PrimeVulPlusRecord,
  primeVulPlusRecordSchema,
  type ScenarioInstance,
  toBenchTask,
  toPrimeVulPlusRecord,
  toVulnerableFunction,
  vulnerableFunctionSchema,
} from '@srcode/dataset';
import {
  createReplayServer,
  createTeacherClient,
  readTeacherRecords,
  reflectionRecordSchema,
  runReflection,
} from '@srcode/reflection';
import { validateDataset } from '@srcode/validation';
import type { Preset } from '../preset.js';
import { inRun, runPaths } from '../run-folder.js';
import type { StageContext } from '../stage-context.js';

async function writeJsonl(
  path: string,
  records: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  const writer = await JsonlWriter.open(path, { append: false });
  let count = 0;
  try {
    for await (const record of records) {
      await writer.write(record);
      count++;
    }
  } finally {
    await writer.close();
  }
  return count;
}

const byFamily = (instances: readonly ScenarioInstance[]): Map<string, ScenarioInstance[]> => {
  const families = new Map<string, ScenarioInstance[]>();
  for (const instance of instances)
    families.set(instance.familyId, [...(families.get(instance.familyId) ?? []), instance]);
  return families;
};

/** The corpus as files: functions to repair, the recorded teacher, what the base is pretrained on, held-out tasks. */
export async function writeCorpus(preset: Preset, context: StageContext): Promise<string> {
  const { corpus } = preset;
  const instances = buildCorpus({
    seed: corpus.seed,
    instancesPerFamily: corpus.instancesPerFamily,
    heldOutInstanceShare: corpus.heldOutInstanceShare,
    variedSlots: corpus.variedSlots,
    ...(corpus.families ? { families: corpus.families, heldOutFamilies: [] } : {}),
  });
  const train = instances.filter((instance) => instance.split === 'train');
  const forTeacher = [...byFamily(train).values()].flatMap((family) =>
    family.slice(0, corpus.pairsPerFamily),
  );
  const at = (path: string) => inRun(context.runFolder, path);
  await writeJsonl(at(runPaths.functions), forTeacher.map(toVulnerableFunction));
  await writeJsonl(at(runPaths.teacherRecords), forTeacher.map(toPrimeVulPlusRecord));
  const rng = Rng.fromSeed(corpus.seed).fork('pretrain');
  const texts = await writeJsonl(
    at(runPaths.pretrainTexts),
    train.flatMap((instance) =>
      instance.prompts.map((prompt) => {
        const secure = rng.fork(instance.id, prompt.style).nextFloat() < corpus.pretrainSecureShare;
        const code = secure ? instance.secure : instance.vulnerable;
        return {
          id: `${instance.id}:${prompt.style}`,
          family: instance.familyId,
          side: secure ? 'secure' : 'vulnerable',
          prompt: prompt.text,
          code,
        };
      }),
    ),
  );
  const heldOut = [...byFamily(instances.filter((instance) => instance.split !== 'train')).values()].flatMap(
    (family) => family.slice(0, corpus.tasksPerFamily),
  );
  const tasks = await writeJsonl(
    at(runPaths.tasks),
    heldOut.map((instance, index) => toBenchTask(instance, index % instance.prompts.length)),
  );
  return `${byFamily(instances).size} families, ${texts} pretraining texts, ${forTeacher.length} functions for the teacher, ${tasks} held-out tasks`;
}

/** Vul2Safe over the functions: the recorded teacher is replayed through a local OpenAI-compatible server. */
export async function reflect(context: StageContext): Promise<string> {
  const at = (path: string) => inRun(context.runFolder, path);
  const server = await createReplayServer({
    records: readTeacherRecords(at(runPaths.teacherRecords)),
    label: 'built-in scenario corpus',
  });
  try {
    const client = createTeacherClient({ baseUrl: server.baseUrl, model: server.model });
    const job = runReflection({
      functions: readJsonl(at(runPaths.functions), vulnerableFunctionSchema),
      client,
      outPath: at(runPaths.reflected),
      concurrency: 8,
      total: server.records,
      signal: context.signal,
    });
    for (;;) {
      const step = await job.next();
      if (!step.done) {
        if (step.value.type === 'progress' || step.value.type === 'warning') context.progress(step.value);
        continue;
      }
      const { finished, skipped, failed } = step.value;
      return `teacher RECORDED and replayed: ${finished + skipped.finished} functions answered, ${failed} without an answer`;
    }
  } finally {
    await server.close();
  }
}

/** Validation: what survives is PrimeVul+. */
export async function validate(context: StageContext): Promise<string> {
  const at = (path: string) => inRun(context.runFolder, path);
  async function* records(): AsyncGenerator<PrimeVulPlusRecord> {
    for await (const { votes: _votes, ...record } of readJsonl(
      at(runPaths.reflected),
      reflectionRecordSchema,
    ))
      yield record;
  }
  // Order of arrival depends on timing; records are sorted so that equal seeds give equal files.
  const all: PrimeVulPlusRecord[] = [];
  for await (const record of records()) all.push(primeVulPlusRecordSchema.parse(record));
  all.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const accepted: PrimeVulPlusRecord[] = [];
  const job = validateDataset(all, { signal: context.signal, total: all.length });
  for (;;) {
    const step = await job.next();
    if (step.done) {
      await writeJsonl(at(runPaths.primeVulPlus), accepted);
      await writeFileAtomic(at(runPaths.validation), `${JSON.stringify(step.value, null, 2)}\n`);
      return `${step.value.accepted} of ${step.value.total} records accepted`;
    }
    if (step.value.type === 'progress') context.progress(step.value);
    else if (step.value.verdict.accepted)
      accepted.push({ ...step.value.record, prompts: [...step.value.verdict.keptPrompts] });
  }
}
