import { InputError, Rng } from '@srcode/core';
import type { BenchTask, PrimeVulPlusRecord, Reflection, Split, VulnerableFunction } from '../schemas.js';
import { findChangedLines } from './find-changed-lines.js';
import type { ScenarioInstance } from './instantiate-scenario.js';

/** Where records of the corpus say they come from; also the name of its recorded teacher. */
export const scenarioProject = 'srcode-scenario-corpus';

const splitOf = (instance: ScenarioInstance): Split => (instance.split === 'train' ? 'train' : 'test');
const groupOf = (instance: ScenarioInstance) => `scenario:${instance.id}`;

/** The vulnerable side as an imported function; both held-out splits become `test`. */
export function toVulnerableFunction(instance: ScenarioInstance): VulnerableFunction {
  return {
    id: instance.id,
    project: scenarioProject,
    commit: null,
    cve: null,
    cwe: [instance.cwe],
    language: 'c',
    functionName: instance.functionName,
    vulnerable: instance.vulnerable,
    humanFix: null,
    description: instance.title,
    commitMessage: null,
    file: null,
    source: scenarioProject,
    license: 'Apache-2.0',
    upstreamHash: null,
    group: groupOf(instance),
    split: splitOf(instance),
  };
}

/**
 * The pair with the answers of the corpus's own recorded teacher: diagnosis, repair, reflections, prompts.
 *
 * No model was asked: the answers are written with the corpus, and labelled `replayed`.
 */
export function toPrimeVulPlusRecord(instance: ScenarioInstance): PrimeVulPlusRecord {
  const reflections = recordedReflections(instance);
  return {
    id: instance.id,
    functionId: instance.id,
    project: scenarioProject,
    commit: null,
    cve: null,
    cwe: [instance.cwe],
    language: 'c',
    vulnerable: instance.vulnerable,
    secure: instance.secure,
    humanFix: null,
    diagnosis: {
      cwe: instance.cwe,
      rootCause: instance.rootCause,
      vulnerableLines: findChangedLines(instance.vulnerable, instance.secure),
    },
    reflections,
    confidence: reflections.at(-1)!.confidence,
    teacher: { model: scenarioProject, replayed: true },
    group: groupOf(instance),
    split: splitOf(instance),
    prompts: [...instance.prompts],
  };
}

/** One or two rounds, as teachers give: about one answer in five is first sent back (our choice). */
function recordedReflections(instance: ScenarioInstance): Reflection[] {
  const rng = Rng.fromSeed('scenario-teacher').fork(instance.id);
  const confidence = (low: number, high: number) =>
    Math.round((low + (high - low) * rng.nextFloat()) * 100) / 100;
  const rounds: Reflection[] = [];
  if (rng.nextFloat() < 0.2) {
    rounds.push({
      round: 1,
      verdict: 'revise',
      confidence: confidence(0.5, 0.7),
      issues: ['State what the caller gets for ordinary input before accepting.'],
    });
  }
  rounds.push({
    round: rounds.length + 1,
    verdict: 'accept',
    confidence: confidence(0.82, 0.98),
    issues: [],
  });
  return rounds;
}

/** A task of the suite `scenarios` for one of the instance's prompts. Throws `InputError` on a bad index. */
export function toBenchTask(instance: ScenarioInstance, promptIndex: number): BenchTask {
  const prompt = instance.prompts[promptIndex];
  if (!prompt) {
    throw new InputError({
      code: 'SCENARIO_BAD_PROMPT_INDEX',
      message: `Scenario ${instance.id}: expected a prompt index from 0 to ${instance.prompts.length - 1}, got ${promptIndex}.`,
      context: { id: instance.id, promptIndex },
    });
  }
  return {
    id: `${instance.id}-p${promptIndex}`,
    suite: 'scenarios',
    language: 'c',
    prompt: prompt.text,
    cwe: [instance.cwe],
    family: instance.familyId,
    split: instance.split,
    functionName: instance.functionName,
    preamble: instance.preamble,
    driver: instance.driver,
    referenceSecure: instance.secure,
    referenceVulnerable: instance.vulnerable,
  };
}
