/** Figures of one step, as a training job yields them; `{step, stage, metrics}` is the line on disk. */
export interface MetricsEvent {
  readonly type: 'metrics';
  /** 0-based within the stage. */
  readonly step: number;
  readonly stage: string;
  readonly metrics: Readonly<Record<string, number>>;
}

/** The JSON Lines record of an event: `{"step":n,"stage":"sft","metrics":{…}}`; a figure that is not finite becomes null. */
export function toMetricsRecord(event: MetricsEvent): {
  readonly step: number;
  readonly stage: string;
  readonly metrics: Readonly<Record<string, number | null>>;
} {
  const metrics = Object.fromEntries(
    Object.entries(event.metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
  );
  return { step: event.step, stage: event.stage, metrics };
}
