/**
 * Times our engine against transformers and PEFT on SmolLM2-135M, interleaved on one machine, and writes the table;
 * sections of other processors in the file stay.
 *
 *   python3 -m venv venv && venv/bin/pip install -r bench/peers/requirements.txt
 *   node packages/model/scripts/fetch-smollm2.mjs && npx turbo run build
 *   SRCODE_PEERS_PYTHON=venv/bin/python node bench/peers/run.mjs [--rounds 5] [--only lora,generate-1] \
 *     [--peer float32:eager] [--without-others] [--out docs/performance.md]
 *
 * Each kind of work has a process per side; rounds alternate between them (the other side waits idle), the first round
 * of each side is thrown away. The figure is the ratio of the medians. Run it on a machine that does nothing else:
 * interleaving does not save the peer, whose threads wait for one another at every product. About 11 minutes on two
 * cores with `--without-others`; without it much longer where the processor has no instructions for bfloat16.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    peer: { type: 'string', default: 'float32:eager' },
    'without-others': { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const python = process.env.SRCODE_PEERS_PYTHON ?? 'python3';
const model = execFileSync(process.execPath, [`${root}packages/model/scripts/fetch-smollm2.mjs`])
  .toString()
  .trim();

/** A fixed stream of token ids, the same for both sides (Lehmer's generator). */
let state = 42;
const nextId = () => {
  state = (state * 48271) % 2147483647;
  return 100 + (state % 48000);
};
const rows = (count, length) => Array.from({ length: count }, () => Array.from({ length }, nextId));

const works = [
  {
    key: 'lora',
    title: 'LoRA r16 train step, 2 × 256',
    tokens: 512,
    goal: 1.5,
    order: () => ({ work: 'lora', ids: rows(2, 256) }),
  },
  {
    key: 'full',
    title: 'full train step, 2 × 256',
    tokens: 512,
    goal: 1.3,
    order: () => ({ work: 'full', ids: rows(2, 256) }),
  },
  ...[1, 8, 16].map((batch) => ({
    key: `generate-${batch}`,
    title: `generate, batch ${batch}, 32 + 64 tokens`,
    tokens: 64 * batch,
    goal: batch === 1 ? 2 : 3,
    order: () => ({ work: 'generate', ids: rows(batch, 32), newTokens: 64 }),
  })),
].filter(({ key }) => !flags.only || flags.only.split(',').includes(key));

/** What else is compared: the peer's other settings, and ours without the matrix unit; two rounds each. */
const others = [
  { peer: 'bfloat16:eager', keys: ['lora', 'generate-1', 'generate-16'] },
  { peer: 'float32:medium', keys: ['lora', 'full'] },
  { peer: 'float32:compile', keys: ['lora'] },
  { peer: 'float32:eager', keys: ['lora', 'full'], environment: { SRCODE_AMX: '0' } },
];

function start(command, args, environment = {}) {
  const env = { TF_CPP_MIN_LOG_LEVEL: '3', ...process.env, ...environment };
  const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done)
      throw new Error(
        `${command} ${args.at(-1)} ended early (exit ${child.exitCode}, signal ${child.signalCode})`,
      );
    return JSON.parse(value);
  };
  return {
    ready: read(),
    ask: (order) => {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      return read();
    },
    stop: () => child.stdin.end(),
  };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const gib = (bytes) => (bytes / 2 ** 30).toFixed(1);

/** Rounds of one kind of work on both sides. `environment` is for ours. */
async function compare(work, setting, rounds, environment) {
  const [dtype, mode] = setting.split(':');
  const ours = start(process.execPath, [`${here}ours.mjs`, model], environment);
  const sides = [ours];
  try {
    const ourStart = await ours.ready;
    const peer = start(python, [`${here}peer.py`, model, dtype, mode]);
    sides.push(peer);
    const peerStart = await peer.ready;
    const times = { ours: [], peer: [] };
    const peak = {};
    const bandwidths = [];
    for (let round = 0; round <= rounds; round++) {
      const order = work.order();
      const pairs = [
        ['peer', peer],
        ['ours', ours],
      ];
      const losses = {};
      for (const [name, side] of round % 2 ? pairs.reverse() : pairs) {
        const answer = await side.ask(order);
        if (round > 0) times[name].push(answer.seconds);
        peak[name] = answer.peakBytes;
        losses[name] = answer.loss;
      }
      // the same work: before the first update both sides must find the same loss
      if (round === 0 && dtype === 'float32' && mode !== 'medium' && order.work !== 'generate') {
        if (!(Math.abs(losses.ours / losses.peer - 1) < 1e-4))
          throw new Error(`${work.title}: first loss ${losses.ours}, the peer's ${losses.peer}`);
      }
      if (work.key === 'generate-1' && round > 0)
        bandwidths.push((await peer.ask({ work: 'bandwidth' })).bytesPerSecond);
    }
    const speed = { ours: work.tokens / median(times.ours), peer: work.tokens / median(times.peer) };
    const result = {
      ...work,
      setting,
      environment,
      speed,
      peak,
      times,
      ratio: speed.ours / speed.peer,
      backend: ourStart.backend,
      parameterBytes: ourStart.parameterBytes,
      bandwidth: Math.max(...bandwidths),
      load: { ours: ourStart.seconds, peer: peerStart.seconds },
    };
    process.stderr.write(
      `${work.title}, peer ${setting}${environment ? `, ours ${JSON.stringify(environment)}` : ''}: ${speed.ours.toFixed(1)} against ${speed.peer.toFixed(1)} tok/s, ratio ${result.ratio.toFixed(2)}; peak ${gib(peak.ours)} against ${gib(peak.peer)} GiB\n`,
    );
    return result;
  } finally {
    for (const side of sides) side.stop();
  }
}

const results = [];
for (const work of works) results.push(await compare(work, flags.peer, rounds));
const otherResults = [];
for (const { peer, keys, environment } of flags['without-others'] ? [] : others) {
  for (const work of works.filter(({ key }) => keys.includes(key))) {
    try {
      otherResults.push(await compare(work, peer, Math.min(2, rounds), environment));
    } catch (error) {
      otherResults.push({ ...work, setting: peer, environment, failure: error.message });
    }
  }
}
const versions = execFileSync(python, [
  '-c',
  'import torch, transformers, peft; print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")',
])
  .toString()
  .trim();
const row = (r) =>
  `| ${r.title} | ${r.speed.ours.toFixed(1)} | ${r.speed.peer.toFixed(1)} | **${r.ratio.toFixed(2)}** | ${r.goal} | ${gib(r.peak.ours)} / ${gib(r.peak.peer)} GiB | ${(r.peak.ours / r.peak.peer).toFixed(2)} |`;
const otherRow = (r) => {
  const title = `| ${r.title}${r.environment ? ', ours without the matrix unit' : ''} | ${r.setting.replace(':', ', ')} |`;
  if (r.failure) return `${title} failed: ${r.failure} | | | |`;
  return `${title} ${r.speed.ours.toFixed(1)} | ${r.speed.peer.toFixed(1)} | ${r.ratio.toFixed(2)} | ${gib(r.peak.ours)} / ${gib(r.peak.peer)} GiB |`;
};
const single = results.find(({ key }) => key === 'generate-1');
const bound = single && single.bandwidth / single.parameterBytes;
const othersText = `
### Other settings

${Math.min(2, rounds)} rounds each; ours is float32 in every row. \`bfloat16\` is the peer with weights of half the size; \`medium\` is its float32 with the factors of products rounded to bfloat16, which ours are not (\`torch.set_float32_matmul_precision\`); \`compile\` is \`torch.compile\`.

| work | peer | ours, tok/s | peer, tok/s | ratio | peak memory ours / peer |
| --- | --- | --- | --- | --- | --- |
${otherResults.map(otherRow).join('\n')}
`;
const preface = `# Performance

Made by \`node bench/peers/run.mjs\`, a section for each processor. Ours: the public API of the built packages, float32. The peer has as many threads as there are cores. Medians of interleaved rounds after one warm-up, the first loss of both sides equal to 1e-4. Model: SmolLM2-135M from GGUF (Q4_1, computed in the type named).

Our large products run on the vector unit, or on the matrix unit of a processor with AMX. With AMX-FP16 every float32 number is written as two float16 parts of a scaled line and three partial products are added in float32; without it as three bfloat16 parts and six products (\`packages/backend/native/tiles.cc\` has the bounds, the backend's tests hold them). \`SRCODE_AMX=0\` turns that off. Decoding reads weights that are exactly few levels per block, as this file's are, in that form and expands them to the same float32 numbers.
`;
const heading = `## ${cpus()[0].model.trim()}, ${cpus().length} cores`;
const section = `${heading}

${gib(totalmem())} GiB, backend \`${results[0].backend}\`. Peer: ${versions}, ${flags.peer.replace(':', ', ')}. Median of ${rounds} rounds.

| work | ours, tok/s | peer, tok/s | ratio | goal | peak memory ours / peer | of the peer's (goal 0.7) |
| --- | --- | --- | --- | --- | --- | --- |
${results.map(row).join('\n')}

Loading from GGUF: ${median(results.map((r) => r.load.ours)).toFixed(1)} s (goal 3), peer ${median(results.map((r) => r.load.peer)).toFixed(1)} s (median of ${results.length}, file in the page cache).
${
  single
    ? `
Memory bandwidth: ${(single.bandwidth / 1e9).toFixed(1)} GB/s read by all cores (\`torch.sum\` over 1 GiB, best of ${rounds} between the rounds). An engine that reads all ${(single.parameterBytes / 1e6).toFixed(0)} MB of float32 weights for a token cannot pass ${bound.toFixed(1)} tok/s at batch 1; ours reaches ${((100 * single.speed.ours) / bound).toFixed(0)} % of that (goal 70 %; compressed weights go past it), prompt and sampling included, the peer ${((100 * single.speed.peer) / bound).toFixed(0)} %.
`
    : ''
}${otherResults.length > 0 ? othersText : ''}`;
// sections of other processors stay
const written = flags.out && existsSync(flags.out) ? readFileSync(flags.out, 'utf8') : '';
const kept = written
  .split(/^(?=## )/m)
  .filter((part) => /^## /.test(part) && !part.startsWith(`${heading}\n`));
const text = [preface, section, ...kept].map((part) => part.trimEnd()).join('\n\n');
if (flags.out) {
  writeFileSync(flags.out, `${text}\n`);
  // as the rest of the documents
  execFileSync('npx', ['--no-install', 'biome', 'format', '--write', flags.out], { cwd: root });
} else {
  process.stdout.write(`${text}\n`);
}
