import { detectAnalyzers } from '@srcode/analyzers';
import { selectBackend } from '@srcode/backend';
import { type JobEvent, SrcodeError } from '@srcode/core';
import type { StageContext } from './stage-context.js';
import { bench } from './stages/bench-stage.js';
import { ppo, pretrain, sft } from './stages/train-stages.js';
import type { FromWorker, ToWorker, WorkerRequest } from './worker-protocol.js';

const send = (message: FromWorker): void => void process.send?.(message);

async function runTask({ runFolder, preset, task }: WorkerRequest, signal: AbortSignal): Promise<void> {
  const context: StageContext = {
    runFolder,
    signal,
    progress: (event: JobEvent) => send({ type: 'event', event }),
  };
  const backend = await selectBackend();
  const run = {
    pretrain: () => pretrain(preset, task.seed, context),
    sft: () => sft(preset, 'sft', task.seed, context),
    'sft-more': () => sft(preset, 'sft-more', task.seed, context),
    ppo: () => ppo(preset, (task as { placement: 'token' }).placement, task.seed, context),
    bench: async () => {
      const installed = (await detectAnalyzers()).filter(
        (found) => found.availability.available && !found.analyzer.embedded,
      );
      return bench(
        preset,
        (task as { arm: string }).arm,
        task.seed,
        installed.map((found) => found.analyzer),
        context,
      );
    },
  }[task.kind];
  const summary = await run();
  // Node gives kilobytes on every platform.
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  send({ type: 'done', summary, backend: backend.name, peakBytes });
}

const abort = new AbortController();
// The parent decides what an interrupt means; when the parent is gone, so is this process.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToWorker) => {
  if (message.type === 'abort') return abort.abort(new Error('interrupted'));
  runTask(message, abort.signal)
    .catch((error: unknown) => {
      const known = SrcodeError.isInstance(error) ? error : null;
      send({
        type: 'error',
        error: {
          code: known?.code ?? 'STAGE_FAILED',
          message: error instanceof Error ? error.message : String(error),
          exitCode: known?.exitCode ?? 1,
          context: {},
          stack: error instanceof Error ? error.stack : undefined,
        },
      });
    })
    .finally(() => process.disconnect());
});
