/**
 * Times our engine against transformers and PEFT on SmolLM2-135M, interleaved on one machine, and writes the table.
 *
 *   python3 -m venv venv && venv/bin/pip install -r bench/peers/requirements.txt
 *   node packages/model/scripts/fetch-smollm2.mjs
 *   SRCODE_PEERS_PYTHON=venv/bin/python node bench/peers/run.mjs [--rounds 5] [--only lora,generate-1] \
 *     [--peer float32:eager] [--out docs/performance.md]
 *
 * Each kind of work has a process per side; rounds alternate between them (the other side waits idle), the first round
 * of each side is thrown away. The figure is the ratio of the medians.
 */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
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
    out: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const [dtype, mode] = flags.peer.split(':');
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

function start(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
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

async function compare(work) {
  const ours = start('npx', ['tsx', '--conditions=@srcode/source', `${here}ours.ts`, model]);
  const ourStart = await ours.ready;
  const peer = start(python, [`${here}peer.py`, model, dtype, mode]);
  const peerStart = await peer.ready;
  const times = { ours: [], peer: [] };
  const peak = {};
  for (let round = 0; round <= rounds; round++) {
    const order = work.order();
    for (const [name, side] of round % 2
      ? [
          ['ours', ours],
          ['peer', peer],
        ]
      : [
          ['peer', peer],
          ['ours', ours],
        ]) {
      const answer = await side.ask(order);
      if (round > 0) times[name].push(answer.seconds);
      peak[name] = answer.peakBytes;
    }
  }
  ours.stop();
  peer.stop();
  const speed = { ours: work.tokens / median(times.ours), peer: work.tokens / median(times.peer) };
  const result = {
    ...work,
    speed,
    peak,
    times,
    ratio: speed.ours / speed.peer,
    backend: ourStart.backend,
    load: { ours: ourStart.seconds, peer: peerStart.seconds },
  };
  process.stderr.write(
    `${work.title}: ${speed.ours.toFixed(1)} against ${speed.peer.toFixed(1)} tok/s, ratio ${result.ratio.toFixed(2)}; peak ${gib(peak.ours)} against ${gib(peak.peer)} GiB\n`,
  );
  return result;
}

const results = [];
for (const work of works) results.push(await compare(work));
const versions = execFileSync(python, [
  '-c',
  'import torch, transformers, peft; print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")',
])
  .toString()
  .trim();
const row = (r) =>
  `| ${r.title} | ${r.speed.ours.toFixed(1)} | ${r.speed.peer.toFixed(1)} | **${r.ratio.toFixed(2)}** | ${r.goal} | ${gib(r.peak.ours)} / ${gib(r.peak.peer)} GiB |`;
const text = `# Performance

Made by \`node bench/peers/run.mjs\` on ${cpus().length} cores of ${cpus()[0].model.trim()}, ${gib(totalmem())} GiB. Ours: backend \`${results[0].backend}\`, float32, public API. Peer: ${versions}, ${dtype}, ${mode}, as many threads as cores. Median of ${rounds} interleaved rounds after one warm-up; the ratio is the figure to read, the machine may be shared. Model: SmolLM2-135M from GGUF (Q4_1, computed in the type named).

| work | ours, tok/s | peer, tok/s | ratio | goal | peak memory ours / peer |
| --- | --- | --- | --- | --- | --- |
${results.map(row).join('\n')}

Loading from GGUF: ${median(results.map((r) => r.load.ours)).toFixed(1)} s, peer ${median(results.map((r) => r.load.peer)).toFixed(1)} s (median of ${results.length}).
`;
if (flags.out) writeFileSync(flags.out, text);
else process.stdout.write(text);
