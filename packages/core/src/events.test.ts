import { describe, expect, it } from 'vitest';
import { fixedClock, systemClock } from './clock.js';
import { drainJob } from './events.js';

describe('drainJob', () => {
  async function* job(log: string[]): AsyncGenerator<number, string> {
    try {
      yield 1;
      yield 2;
      return 'done';
    } finally {
      log.push('closed');
    }
  }

  it('hands over the events in order and returns the result', async () => {
    const seen: number[] = [];
    expect(await drainJob(job([]), (event) => seen.push(event))).toBe('done');
    expect(seen).toEqual([1, 2]);
    expect(await drainJob(job([]))).toBe('done');
  });

  it('closes the job when the listener throws, and throws that', async () => {
    const log: string[] = [];
    const listener = () => {
      throw new Error('screen gone');
    };
    await expect(drainJob(job(log), listener)).rejects.toThrow('screen gone');
    expect(log).toEqual(['closed']);
  });

  it('throws what the job throws', async () => {
    async function* failing(): AsyncGenerator<number, void> {
      yield 1;
      throw new Error('broken');
    }
    await expect(drainJob(failing())).rejects.toThrow('broken');
  });
});

describe('clocks', () => {
  it('stand, step, or tell the time', () => {
    const clock = fixedClock(10, 5);
    expect([clock.now(), clock.now(), clock.now()]).toEqual([10, 15, 20]);
    expect(fixedClock().now()).toBe(0);
    expect(systemClock.now()).toBeGreaterThan(1.6e12);
  });
});
