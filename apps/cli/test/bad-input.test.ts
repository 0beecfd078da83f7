import { cpSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { selectBackend } from '@srcode/backend';
import { makePrimeVulPlusRecord, makeSecureCode, makeVulnerableCode } from '@srcode/dataset/testing';
import { saveModel } from '@srcode/model';
import { createTestModel, createTestTokenizer } from '@srcode/model/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTestFolder, runCli, toJsonl } from './run-cli.js';

const at = createTestFolder();
const pairRow = (index: number) => ({
  id: `row-${index}`,
  project: 'made-up',
  commit: `c${index}`,
  cwe: ['CWE-787'],
  language: 'c',
  vulnerable: makeVulnerableCode(index),
  fixed: makeSecureCode(index),
});

beforeAll(async () => {
  await selectBackend({ prefer: 'cpu' });
  const tokenizer = createTestTokenizer();
  const model = createTestModel(tokenizer.vocabSize);
  await saveModel(at('model'), { model, tokenizer });
  model.dispose();
});

describe('bad data', () => {
  it('names file and line of a truncated line and of a missing field, and writes nothing', async () => {
    writeFileSync(at('cut.jsonl'), toJsonl([pairRow(1), pairRow(2)]).slice(0, -40));
    const { fixed: _fixed, ...withoutFix } = pairRow(2);
    writeFileSync(at('field.jsonl'), toJsonl([pairRow(1), withoutFix]));
    const before = readFileSync(at('cut.jsonl'), 'utf8');
    const [cut, field] = await Promise.all(
      ['cut', 'field'].map((name) =>
        runCli(['dataset', 'import', '--pairs', at(`${name}.jsonl`), '--out', at(`out-${name}`)]),
      ),
    );
    expect(cut).toMatchObject({ code: 2, stdout: '' });
    expect(cut!.stderr).toMatch(/^error [A-Z_]+: .*cut\.jsonl:2/);
    expect(field!.code).toBe(2);
    expect(field!.stderr).toMatch(/^error [A-Z_]+: .*field\.jsonl:2.*fixed/);
    expect(readFileSync(at('cut.jsonl'), 'utf8')).toBe(before);
    expect(existsSync(at('out-cut/data.jsonl'))).toBe(false);
  });

  it('goes on over bad lines when asked to, and counts them; a 40-digit hash stays exact', async () => {
    const hash = '1234567890123456789012345678901234567891';
    const hashed = JSON.stringify({ ...pairRow(3), func_hash: 0 }).replace(
      '"func_hash":0',
      `"func_hash":${hash}`,
    );
    writeFileSync(at('mixed.jsonl'), `${toJsonl([pairRow(1)])}{"id": "bro\n${hashed}\n`);
    const args = [
      '--pairs',
      at('mixed.jsonl'),
      '--out',
      at('out-mixed'),
      '--skip-bad-lines',
      '--no-dedup',
      '--json',
    ];
    const run = await runCli(['dataset', 'import', ...args]);
    expect(run.code).toBe(0);
    const summary = JSON.parse(run.stdout);
    expect(summary.functions).toBe(2);
    expect(summary.files[0]).toMatchObject({ malformed: 1 });
    expect(summary.files[0].errors[0]).toContain('mixed.jsonl:2');
    expect(readFileSync(at('out-mixed/data.jsonl'), 'utf8')).toContain(`"upstreamHash":"${hash}"`);
  });
});

describe('bad places and servers', () => {
  it('says that a file stands where the output folder should be, and leaves it alone', async () => {
    writeFileSync(at('functions.jsonl'), toJsonl([pairRow(1)]));
    writeFileSync(at('occupied'), 'mine');
    const run = await runCli([
      'dataset',
      'build',
      '--human-fixes',
      '--in',
      at('functions.jsonl'),
      '--out',
      at('occupied'),
    ]);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/^error FILE_NOT_FOLDER: .*occupied/);
    expect(readFileSync(at('occupied'), 'utf8')).toBe('mine');
  });

  it('gives up on a teacher that cannot be reached, and keeps what was finished before', async () => {
    writeFileSync(at('functions.jsonl'), toJsonl([pairRow(1)]));
    const finished = toJsonl([{ ...makePrimeVulPlusRecord(7), votes: [] }]);
    mkdirSync(at('unreached'));
    writeFileSync(at('unreached/records.jsonl'), finished);
    const args = ['--in', at('functions.jsonl'), '--out', at('unreached'), '--model', 'm'];
    const run = await runCli(['dataset', 'build', ...args, '--teacher-url', 'http://127.0.0.1:9/v1']);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/error TEACHER_UNREACHABLE: .*127\.0\.0\.1:9/);
    expect(readFileSync(at('unreached/records.jsonl'), 'utf8')).toBe(finished);
    expect(existsSync(at('unreached/data.jsonl'))).toBe(false);
  });

  it('never shows the password of an address', async () => {
    const args = ['--in', at('functions.jsonl'), '--out', at('secret'), '--model', 'm'];
    const [teacher, bench] = await Promise.all([
      runCli(['dataset', 'build', ...args, '--teacher-url', 'http://me:hunter2@127.0.0.1:9/v1']),
      runCli([
        'bench',
        'security',
        '--url',
        'http://me:hunter2@127.0.0.1:9/v1',
        '--model-name',
        'm',
        '--out',
        at('secret'),
        '--limit',
        '1',
      ]),
    ]);
    expect(teacher.code).toBe(2);
    expect(teacher.stderr).toContain('TEACHER_URL_INVALID');
    expect(bench.code).toBe(2);
    expect(bench.stderr).toContain('error MODEL_SERVER_UNREACHABLE');
    expect(teacher.stderr + teacher.stdout + bench.stderr + bench.stdout).not.toContain('hunter2');
  });
});

describe('bad models', () => {
  const generate = (model: string) =>
    runCli([
      'generate',
      '--model',
      model,
      '--prompt',
      'x',
      '--max-tokens',
      '4',
      '--backend',
      'cpu',
      '--json',
    ]);

  it('tells a model file cut in half, and the tokenizer of another model', async () => {
    cpSync(at('model'), at('half'), { recursive: true });
    const weights = at('half/model.safetensors');
    truncateSync(weights, Math.floor(readFileSync(weights).length / 2));
    cpSync(at('model'), at('foreign'), { recursive: true });
    const foreign = createTestTokenizer(['int main(void) { return 0; }'.repeat(20)], 8);
    writeFileSync(at('foreign/tokenizer.json'), JSON.stringify(foreign.files.tokenizer));
    const [half, other] = await Promise.all([generate(at('half')), generate(at('foreign'))]);
    expect(half).toMatchObject({ code: 2, stdout: '' });
    expect(half.stderr).toMatch(/^error [A-Z_]+: .*model\.safetensors/);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toMatch(/^error TOKENIZER_MISMATCH: .*ids/);
  });

  it('writes the same text for the same seed with the whole model', async () => {
    const [first, second] = await Promise.all([generate(at('model')), generate(at('model'))]);
    expect(first.code).toBe(0);
    const answer = JSON.parse(first.stdout);
    expect(answer).toMatchObject({ tokens: 4, finishReason: 'length', seed: 1, backend: 'cpu' });
    expect(JSON.parse(second.stdout).text).toBe(answer.text);
    expect(first.stderr).toContain('tok/s');
  });

  it('trains, goes on where it stopped, and refuses a folder of another run', async () => {
    const data = at('plus.jsonl');
    writeFileSync(
      data,
      toJsonl(
        [1, 2].map((index) => makePrimeVulPlusRecord(index, { secure: 'int f(void) { return 1; }\n' })),
      ),
    );
    const train = (steps: string, batch: string, model = 'model') =>
      runCli([
        'train',
        'sft',
        '--model',
        at(model),
        '--data',
        data,
        '--out',
        at('trained'),
        '--backend',
        'cpu',
        '--steps',
        steps,
        '--batch-size',
        batch,
        '--json',
      ]);
    const first = await train('2', '2');
    expect(first.stderr).toBe('');
    expect(JSON.parse(first.stdout)).toMatchObject({ steps: 2, examples: 4, tooLong: 0 });
    const [again, other] = [await train('2', '2'), await train('2', '1')];
    expect(again.stderr).toContain('going on at step 2 of 2');
    expect(readFileSync(at('trained/metrics.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
    expect(existsSync(at('trained/model/model.safetensors'))).toBe(true);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('error CHECKPOINT_MISMATCH');
    // Another model of the same shape would be replaced by the checkpoint's weights without a word.
    const manifest = readFileSync(at('trained/manifest.json'), 'utf8');
    cpSync(at('trained/model'), at('moved'), { recursive: true });
    const foreign = await train('2', '2', 'moved');
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toMatch(/error RUN_FOLDER_TAKEN: .*trained.*other now: model\./);
    expect(readFileSync(at('trained/manifest.json'), 'utf8')).toBe(manifest);
  });
});
