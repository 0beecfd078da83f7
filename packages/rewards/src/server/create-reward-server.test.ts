import { EnvironmentError } from '@srcode/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RewardInputError } from '../errors.js';
import { createLexicalCompletion, examplePairs } from '../testing/index.js';
import { createRewardApp } from './create-reward-app.js';
import { createRewardServer, type RewardServer } from './create-reward-server.js';

const { insertion, replacement } = examplePairs;
const { tokenOffsets } = createLexicalCompletion(insertion.secure);

async function post(target: string | ReturnType<typeof createRewardApp>, path: string, body: unknown) {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
  const response =
    typeof target === 'string' ? await fetch(target + path, init) : await target.request(path, init);
  return {
    status: response.status,
    json: (await response.json()) as Record<string, never> & { [key: string]: never },
  };
}

describe('reward server', () => {
  let server: RewardServer;
  beforeAll(async () => {
    server = await createRewardServer({ pairs: [insertion, replacement], maxBodyBytes: 20_000 });
  });
  afterAll(() => server.close());

  it('says that it lives', async () => {
    const response = await fetch(`${server.url}/health`);
    expect(await response.json()).toEqual({
      status: 'ok',
      pairs: 2,
      strategies: ['token', 'line', 'instance'],
    });
  });

  it('returns one value per token, for a loaded pair or one in the request', async () => {
    const loaded = await post(server.url, '/reward', {
      pairId: 'insertion',
      completion: insertion.secure,
      tokenOffsets,
    });
    expect(loaded.status).toBe(200);
    expect(loaded.json.values).toHaveLength(tokenOffsets.length);
    expect(loaded.json.total).toBeCloseTo(1, 6);
    const inline = await post(server.url, '/reward', {
      pair: insertion,
      completion: insertion.secure,
      tokenOffsets,
    });
    expect(inline.json).toEqual(loaded.json);
  });

  it('scores batches in order with the strategy asked for', async () => {
    const items = [
      { pairId: 'insertion', completion: insertion.secure, tokenOffsets, strategy: 'instance' },
      { pairId: 'insertion', completion: insertion.vulnerable, tokenTexts: [insertion.vulnerable] },
    ];
    const { json } = await post(server.url, '/reward', { items });
    const results = json.results as unknown as { total: number; values: number[] }[];
    expect(results.map(({ total }) => Math.round(total))).toEqual([1, -1]);
    expect(results[0]!.values.at(-1)).toBeCloseTo(1, 6);
  });

  it('answers OpenRLHF with one total per query', async () => {
    const { status, json } = await post(server.url, '/openrlhf', {
      query: [`P: ${insertion.secure}`, `P: ${replacement.vulnerable}`],
      prompts: ['P: ', 'P: '],
      labels: ['insertion', JSON.stringify(replacement)],
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      rewards: [expect.closeTo(1, 6), expect.closeTo(-1, 6)],
      scores: [expect.closeTo(1, 6), expect.closeTo(-1, 6)],
      extra_logs: { secure_mass: [expect.closeTo(1, 6), 0], vulnerable_mass: [0, expect.closeTo(-1, 6)] },
    });
  });

  it.each([
    ['text that is not JSON', '/reward', '{"pairId":', 422, 'REWARDS_NOT_JSON'],
    ['a missing field', '/reward', { pairId: 'insertion' }, 422, 'REWARDS_BAD_REQUEST'],
    ['no tokens', '/reward', { pairId: 'insertion', completion: '' }, 422, 'REWARDS_BAD_REQUEST'],
    [
      'a misspelt field',
      '/reward',
      { pairID: 'insertion', completion: '', tokenTexts: [] },
      422,
      'REWARDS_BAD_REQUEST',
    ],
    [
      'an unknown pair',
      '/reward',
      { pairId: 'x', completion: '', tokenTexts: [] },
      404,
      'REWARDS_UNKNOWN_PAIR',
    ],
    [
      'an unknown strategy',
      '/reward',
      { pairId: 'insertion', completion: '', tokenTexts: [], strategy: 'x' },
      404,
      'REWARDS_UNKNOWN_STRATEGY',
    ],
    [
      'texts that spell something else',
      '/reward',
      { pairId: 'insertion', completion: 'ab', tokenTexts: ['a', 'c'] },
      422,
      'REWARDS_TOKENS_MISMATCH',
    ],
    [
      'offsets outside of the text',
      '/reward',
      { pairId: 'insertion', completion: 'ab', tokenOffsets: [[0, 3]] },
      422,
      'REWARDS_BAD_OFFSETS',
    ],
    [
      'ids without tokenizer',
      '/reward',
      { pairId: 'insertion', completion: 'a', tokenIds: [1] },
      422,
      'REWARDS_NO_TOKENIZER',
    ],
    [
      'a query without its prompt',
      '/openrlhf',
      { query: ['a'], prompts: ['b'], labels: ['insertion'] },
      422,
      'REWARDS_PROMPT_MISMATCH',
    ],
    [
      'labels of another length',
      '/openrlhf',
      { query: ['a'], prompts: ['a'], labels: [] },
      422,
      'REWARDS_BAD_REQUEST',
    ],
    [
      'a label that is no pair',
      '/openrlhf',
      { query: ['a'], prompts: ['a'], labels: ['{"id":1}'] },
      422,
      'REWARDS_BAD_LABEL',
    ],
    ['another path', '/score', {}, 404, 'REWARDS_NO_ROUTE'],
    ['a body over the cap', '/reward', { pairId: 'x'.repeat(30_000) }, 413, 'REWARDS_BODY_TOO_LARGE'],
  ])('refuses %s loudly', async (_name, path, body, status, code) => {
    const answer = await post(server.url, path, body);
    expect(answer.status).toBe(status);
    expect(answer.json.error).toMatchObject({ code, message: expect.stringMatching(/.{20}/) });
    expect(answer.json).not.toHaveProperty('values');
    expect(answer.json).not.toHaveProperty('rewards');
  });

  it('says which port it cannot have', async () => {
    await expect(createRewardServer({ port: server.port })).rejects.toThrow(EnvironmentError);
  });
});

describe('createRewardApp', () => {
  it('decodes token ids with its tokenizer and refuses ids that spell another text', async () => {
    const tokenizer = {
      encode: () => [],
      decodeWithOffsets: (ids: ArrayLike<number>) => {
        const text = String.fromCharCode(...Array.from(ids));
        return { text, offsets: Array.from(text, (_, i): [number, number] => [i, i + 1]) };
      },
    };
    const app = createRewardApp({ tokenizer, defaultStrategy: 'line' });
    const tokenIds = Array.from(insertion.secure, (char) => char.charCodeAt(0));
    const good = await post(app, '/reward', { pair: insertion, completion: insertion.secure, tokenIds });
    expect(good.json.values).toHaveLength(insertion.secure.length);
    const bad = await post(app, '/reward', { pair: insertion, completion: insertion.secure, tokenIds: [65] });
    expect(bad).toMatchObject({ status: 422, json: { error: { code: 'REWARDS_TOKENS_MISMATCH' } } });
  });

  it('answers 500 and no reward when a strategy breaks', async () => {
    const broken = {
      name: 'broken',
      score: () => {
        throw new TypeError('oops');
      },
    };
    const app = createRewardApp({ strategies: [broken] });
    const item = { pair: insertion, completion: 'a', tokenTexts: ['a'], strategy: 'broken' };
    expect(await post(app, '/reward', item)).toMatchObject({
      status: 500,
      json: { error: { code: 'REWARDS_INTERNAL' } },
    });
  });

  it('refuses a default strategy that it does not have', () => {
    expect(() => createRewardApp({ defaultStrategy: 'x' })).toThrow(RewardInputError);
  });
});
