import type { Solver } from '@srcode/benchmarks';
import type { BenchTask } from '@srcode/dataset';
import { type ByteLevelTokenizer, type CausalLm, generate } from '@srcode/model';
import { encodePrompt } from './chat-ids.js';

export interface ModelSolverOptions {
  readonly maxNewTokens: number;
  readonly temperature: number;
  /** What the prompt begins the answer with. Default: nothing. */
  readonly openingOf?: (task: BenchTask) => string;
  /** Rows decoded together. Default 32. */
  readonly batchSize?: number;
}

/** A solver that samples from a local model; each batch draws from its own stream, so that a resumed run repeats it. */
export function createModelSolver(
  model: CausalLm,
  tokenizer: ByteLevelTokenizer,
  options: ModelSolverOptions,
): Solver {
  return async function* (tasks, { samplesPerTask, rng, signal }) {
    const wanted = tasks.flatMap((task) =>
      Array.from({ length: samplesPerTask }, (_, sampleIndex) => ({ task, sampleIndex })),
    );
    const size = options.batchSize ?? 32;
    for (let start = 0; start < wanted.length; start += size) {
      const batch = wanted.slice(start, start + size);
      const first = batch[0]!;
      const sequences = await generate(
        model,
        batch.map(({ task }) => encodePrompt(tokenizer, task.prompt, options.openingOf?.(task))),
        {
          maxNewTokens: options.maxNewTokens,
          temperature: options.temperature,
          stopTokenIds: [tokenizer.eosTokenId],
          rng: rng.fork('batch', first.task.id, first.sampleIndex),
          ...(signal ? { signal } : {}),
        },
      );
      for (const [row, { task, sampleIndex }] of batch.entries())
        yield {
          taskId: task.id,
          sampleIndex,
          completion: (options.openingOf?.(task) ?? '') + tokenizer.decode(sequences[row]!.tokenIds),
        };
    }
  };
}
