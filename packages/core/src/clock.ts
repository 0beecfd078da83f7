/** Where time comes from; passed in, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that stands at `startMs` and moves by `stepMs` at every reading. */
export function fixedClock(startMs = 0, stepMs = 0): Clock {
  let now = startMs;
  return {
    now: () => {
      const reading = now;
      now += stepMs;
      return reading;
    },
  };
}
