// The reward server: started, asked once as verl would and once as OpenRLHF does, stopped.
import assert from 'node:assert/strict';
import { createRewardServer } from '@srcode/rewards';

const pair = {
  id: 'first',
  vulnerable: 'int first(const int *a) { return a[0]; }',
  secure: 'int first(const int *a) { if (a == NULL) return 0; return a[0]; }',
};
const server = await createRewardServer({ pairs: [pair], port: 0 });
const post = async (path: string, body: unknown) => {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
};
try {
  // One value per token. Send the offsets of the very tokens that were sampled.
  const completion = 'int first(const int *p) { if (p == NULL) return 0; return p[0]; }';
  const tokenOffsets = [...completion.matchAll(/\s*\w+|\s*[^\w\s]/g)].map((m) => [
    m.index,
    m.index + m[0].length,
  ]);
  const tokens = await post('/reward', { pairId: 'first', completion, tokenOffsets });
  const values = tokens.json.values as number[];
  console.log(`POST /reward: ${values.length} values, total ${(tokens.json.total as number).toFixed(2)}`);
  assert.equal(values.length, tokenOffsets.length);
  assert((tokens.json.total as number) > 0.5);

  // OpenRLHF: whole texts in, one total per answer out.
  const prompt = 'Write first.\n';
  const totals = await post('/openrlhf', {
    query: [prompt + pair.vulnerable],
    prompts: [prompt],
    labels: ['first'],
  });
  console.log('POST /openrlhf:', totals.json.rewards);
  assert((totals.json.rewards as number[])[0]! < -0.5);

  // What cannot be scored is refused in words, never given a made-up reward.
  const wrong = await post('/reward', { pairId: 'nobody', completion, tokenOffsets });
  console.log(wrong.status, (wrong.json.error as { message: string }).message);
  assert.equal(wrong.status, 404);
} finally {
  await server.close();
}
console.log('stopped');
