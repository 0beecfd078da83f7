import type { JobEvent, ProgressEvent } from '@srcode/core';
import { Presets, SingleBar } from 'cli-progress';

/** Draws progress events as one bar per stage on a terminal. */
export class ProgressBar {
  #bar: SingleBar | undefined;
  #stage: string | undefined;

  update(event: JobEvent): void {
    if (event.type !== 'progress') return;
    if (event.stage !== this.#stage) {
      this.end();
      this.#stage = event.stage;
      this.#bar = new SingleBar(
        {
          format: '  {stage} [{bar}] {value}/{total} | {eta_formatted} left {figures}',
          hideCursor: true,
          stream: process.stderr,
          fps: 5,
          etaBuffer: 50,
          clearOnComplete: true,
          gracefulExit: false,
        },
        Presets.shades_classic,
      );
      this.#bar.start(event.total ?? 0, 0, { stage: event.stage, figures: '' });
    }
    if (event.total !== undefined) this.#bar?.setTotal(event.total);
    this.#bar?.update(event.completed, { figures: formatFigures(event) });
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#stage = undefined;
  }
}

function formatFigures(event: ProgressEvent): string {
  const figures = Object.entries(event.metrics ?? {}).map(
    ([name, value]) => `${name} ${Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)}`,
  );
  return figures.length === 0 ? '' : `| ${figures.join(' · ')}`;
}
