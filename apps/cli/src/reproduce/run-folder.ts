import { join } from 'node:path';

/** Where everything of a run lies, relative to the run folder; the viewer and people rely on these names. */
export const runPaths = {
  manifest: 'manifest.json',
  results: 'results.json',
  reportMarkdown: 'report.md',
  reportHtml: 'report.html',
  functions: 'data/functions.jsonl',
  teacherRecords: 'data/teacher-records.jsonl',
  reflected: 'data/pairs.jsonl',
  primeVulPlus: 'data/prime-vul-plus.jsonl',
  validation: 'data/validation.json',
  pretrainTexts: 'data/pretrain.jsonl',
  tasks: 'data/tasks.jsonl',
  rewardLint: 'data/reward-lint.json',
  tokenizer: 'models/tokenizer',
  model: (arm: string, seed: number) => `models/${arm}-seed${seed}`,
  checkpoints: (arm: string, seed: number) => `checkpoints/${arm}-seed${seed}`,
  metrics: (arm: string, seed: number) => `metrics/${arm}-seed${seed}.jsonl`,
  rollouts: (arm: string, seed: number) => `rollouts/${arm}-seed${seed}.jsonl`,
  bench: (arm: string, seed: number) => `bench/${arm}-seed${seed}.jsonl`,
  benchSummary: (arm: string, seed: number) => `bench/${arm}-seed${seed}.summary.json`,
} as const;

export const inRun = (runFolder: string, path: string): string => join(runFolder, path);
