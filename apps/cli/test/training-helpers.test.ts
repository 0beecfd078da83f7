import { readFileSync, writeFileSync } from 'node:fs';
import { createManifest } from '@srcode/core';
import { makePrimeVulPlusRecord } from '@srcode/dataset/testing';
import { createTestTokenizer } from '@srcode/model/testing';
import { createTokenReward } from '@srcode/rewards';
import { describe, expect, it } from 'vitest';
import { TextStream } from '../src/model/stream-text.js';
import { fingerprintStage, readStamp, writeStamp } from '../src/reproduce/stage-stamp.js';
import { encodeExamples, encodePrompts } from '../src/train/read-training-data.js';
import { encodeExample, encodePrompt, openingOf } from '../src/training/chat-ids.js';
import { createPairReward } from '../src/training/pair-reward.js';
import { StepLog } from '../src/training/step-log.js';
import { createTestFolder } from './run-cli.js';

const at = createTestFolder();
const tokenizer = createTestTokenizer();

describe('StepLog', () => {
  it('loses the steps that are done again, and a line cut by a kill', async () => {
    const log = new StepLog(at('metrics.jsonl'));
    for (const step of [0, 1, 2, 3]) await log.write({ step });
    await log.close();
    writeFileSync(at('metrics.jsonl'), `${readFileSync(at('metrics.jsonl'), 'utf8')}{"step": 4, "me`);
    await log.rewindTo(2);
    await log.write({ step: 2 });
    await log.close();
    const steps = readFileSync(at('metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).step);
    expect(steps).toEqual([0, 1, 2]);
    await log.rewindTo(0);
    await log.write({ step: 0 });
    await log.close();
    expect(readFileSync(at('metrics.jsonl'), 'utf8')).toBe('{"step":0}\n');
  });
});

describe('chat ids', () => {
  it('takes the signature with its brace as opening, or nothing', () => {
    expect(openingOf('int f(void)\n{\n  if (x) { y(); }\n}\n')).toBe('int f(void)\n{');
    expect(openingOf('int f(void);')).toBe('');
  });

  it('learns what follows the opening, and the end', () => {
    const answer = 'int f(void) { return 1; }';
    const opening = openingOf(answer);
    const { tokenIds, promptLength } = encodeExample(tokenizer, 'Give one.', answer, { opening });
    expect([...tokenIds.subarray(0, promptLength)]).toEqual([
      ...encodePrompt(tokenizer, 'Give one.', opening),
    ]);
    expect(tokenizer.decode(tokenIds.subarray(promptLength))).toBe(' return 1; }');
    expect(tokenIds.at(-1)).toBe(tokenizer.eosTokenId);
    expect(encodeExample(tokenizer, 'Give one.', answer, { learnPrompt: true }).promptLength).toBe(0);
  });
});

describe('pair reward', () => {
  const record = makePrimeVulPlusRecord(1);
  const reward = createPairReward(new Map([[record.id, record]]), createTokenReward(), (pair) =>
    openingOf(pair.secure),
  );
  const rolloutOf = (code: string, sourceId = record.id) => {
    const tokenIds = tokenizer.encode(code.slice(openingOf(code).length));
    const { text, offsets } = tokenizer.decodeWithOffsets(tokenIds);
    return { sourceId, promptText: '', completion: text, tokenIds, tokenOffsets: offsets };
  };

  it('scores the secure side above zero and the vulnerable side below, on the sampled tokens alone', async () => {
    const rollouts = [rolloutOf(record.secure), rolloutOf(record.vulnerable)];
    const [secure, vulnerable] = await reward(rollouts);
    expect(secure!.total).toBeGreaterThan(0);
    expect(vulnerable!.total).toBeLessThan(0);
    expect(secure!.values).toHaveLength(rollouts[0]!.tokenIds.length);
    const rewarded = rollouts[0]!.tokenOffsets.filter((_, token) => secure!.values[token]! > 0);
    const texts = rewarded.map(([start, end]) => rollouts[0]!.completion.slice(start, end)).join('');
    expect(texts).toContain('LIMIT_1');
  });

  it('names a prompt that has no pair', async () => {
    await expect(reward([rolloutOf(record.secure, 'other')])).rejects.toMatchObject({
      code: 'REWARD_PAIR_MISSING',
    });
  });
});

describe('stage stamp', () => {
  it('holds for the same options and untouched outputs, and for nothing else', async () => {
    writeFileSync(at('out.txt'), 'made');
    const fingerprint = fingerprintStage('sft', { steps: 3, rate: 1 }, ['up']);
    expect(fingerprintStage('sft', { rate: 1, steps: 3 }, ['up'])).toBe(fingerprint);
    expect(fingerprintStage('sft', { steps: 4, rate: 1 }, ['up'])).not.toBe(fingerprint);
    expect(fingerprintStage('sft', { steps: 3, rate: 1 }, ['other'])).not.toBe(fingerprint);
    const facts = { outputs: ['out.txt'], seconds: 1, summary: 'done', peakBytes: 1024 };
    await writeStamp(at('.'), 'sft', { fingerprint, ...facts });
    expect(await readStamp(at('.'), 'sft', fingerprint)).toMatchObject({ summary: 'done', peakBytes: 1024 });
    expect(await readStamp(at('.'), 'sft', 'another')).toBeNull();
    writeFileSync(at('out.txt'), 'changed');
    expect(await readStamp(at('.'), 'sft', fingerprint)).toBeNull();
    writeFileSync(at('stages/sft.json'), '{"stage": "sf');
    expect(await readStamp(at('.'), 'sft', fingerprint)).toBeNull();
  });
});

describe('training data', () => {
  const records = [makePrimeVulPlusRecord(1), makePrimeVulPlusRecord(2)];

  it('weighs the tokens that make an answer secure, and leaves out what does not fit', () => {
    const options = { tokenizer, maxLength: 4096, signature: true, securityWeight: 4 };
    const { items, tooLong } = encodeExamples(records, options);
    expect([items.length, tooLong]).toEqual([4, 0]);
    const { tokenIds, promptLength, tokenWeights } = items[0]!;
    const heavy = [...tokenIds].filter((_, token) => token >= promptLength && tokenWeights![token]! > 1);
    expect(tokenizer.decode(heavy)).toContain('LIMIT_1');
    expect(tokenizer.decode(heavy)).not.toContain('memcpy');
    const longest = Math.max(...items.map((item) => item.tokenIds.length));
    expect(encodeExamples(records, { ...options, maxLength: longest - 1 }).tooLong).toBeGreaterThan(0);
    expect(() => encodeExamples(records, { ...options, maxLength: 5 })).toThrow(/none of 4/);
  });

  it('keeps room for the rollout behind a prompt', () => {
    const options = { tokenizer, maxLength: 400, signature: false, maxNewTokens: 100 };
    expect(encodePrompts(records, options).items.map((prompt) => prompt.sourceId)).toContain('pair-1');
    expect(() => encodePrompts(records, { ...options, maxNewTokens: 399 })).toThrow(/TOO_LONG|none of 4/);
  });
});

describe('TextStream', () => {
  it('gives whole characters only, and everything in the end', () => {
    const text = 'naïve – 😀!';
    const stream = new TextStream(tokenizer);
    const pieces = [...tokenizer.encode(text)].map((id) => stream.push(id));
    expect(pieces.join('') + stream.end()).toBe(text);
    expect(pieces.some((piece) => piece.includes('\ufffd'))).toBe(false);
    const cut = tokenizer.encode('😀').subarray(0, 2);
    expect([...cut].map((id) => stream.push(id)).join('')).toBe('');
    expect(stream.end()).toContain('\ufffd');
  });
});

describe('manifest of a command', () => {
  it('has no password of a teacher’s address', async () => {
    const manifest = await createManifest({
      command: 'dataset build',
      options: { teacherUrl: 'https://me:hunter2@teacher.example/v1', apiKeyEnv: 'KEY', maxTokens: 100 },
    });
    expect(JSON.stringify(manifest)).not.toContain('hunter2');
    expect(manifest.options).toMatchObject({ maxTokens: 100, apiKeyEnv: 'KEY' });
    expect(manifest.options.teacherUrl).toContain('teacher.example/v1');
  });
});
