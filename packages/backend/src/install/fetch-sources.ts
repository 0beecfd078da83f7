import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { classifyFetchFailure } from './classify-failure.js';
import { NpmMissingError, PackageCorruptError } from './errors.js';
import { bindingPackage, headersPackage, type PinnedPackage } from './pinned.js';
import { runCommand } from './run-command.js';

interface SourcesContext {
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
}

/** Checks a tarball against its pinned integrity. Throws `PackageCorruptError`. */
export function checkIntegrity(pinned: PinnedPackage, tarball: Uint8Array): void {
  const got = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  if (got === pinned.integrity) return;
  throw new PackageCorruptError({
    code: 'TENSORFLOW_PACKAGE_CORRUPT',
    message: `Expected ${pinned.name}@${pinned.version} with integrity ${pinned.integrity}, got ${got}. The registry or a proxy served something else; nothing was run. Check npm's registry setting.`,
    context: { name: pinned.name, version: pinned.version, got },
  });
}

/** `npm pack` runs no script of a package from the registry; the tarball is checked before it is unpacked. */
async function fetchPackage(pinned: PinnedPackage, folder: string, context: SourcesContext): Promise<void> {
  const { environment, signal } = context;
  await mkdir(folder, { recursive: true });
  const spec = `${pinned.name}@${pinned.version}`;
  const args = ['pack', spec, '--ignore-scripts', '--json', '--silent', '--fetch-retries', '1'];
  const result = await runCommand('npm', args, { cwd: folder, environment, signal });
  if (result.exitCode === undefined) {
    throw new NpmMissingError({
      code: 'TENSORFLOW_NO_NPM',
      message: `Expected npm on the PATH to fetch ${spec}, found none. Install npm (it comes with Node), then run \`srcode backend install\` again.`,
      context: { spec },
    });
  }
  if (result.exitCode !== 0) throw classifyFetchFailure('npm', spec, result);
  const tarball = join(folder, packedName(pinned));
  checkIntegrity(pinned, await readFile(tarball));
  const untar = await runCommand('tar', ['-xzf', tarball, '-C', folder], { environment, signal });
  if (untar.exitCode !== 0) throw classifyFetchFailure('npm', `${spec} (unpacking)`, untar);
  await rm(tarball, { force: true });
}

/** Name of the file that `npm pack` writes: `@scope/name` becomes `scope-name`. */
function packedName({ name, version }: PinnedPackage): string {
  return `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`;
}

/** tfjs-node asks for these; the engine in use is handed over by the loader, and saved models are not supported. */
const sharedEngine = "module.exports = globalThis[Symbol.for('srcode.tfjs')];\n";
const shims: Readonly<Record<string, string>> = {
  'node_modules/@tensorflow/tfjs/index.js': sharedEngine,
  'node_modules/@tensorflow/tfjs-core/index.js': sharedEngine,
  'dist/proto/api_pb.js': 'module.exports = {};\n',
};

const entry = `'use strict';
// Registers the backend 'tensorflow' with the tfjs-core that the loader put under Symbol.for('srcode.tfjs').
const tf = globalThis[Symbol.for('srcode.tfjs')];
if (!tf) throw new Error('load this through @srcode/backend');
const binding = require('./lib/tfjs_binding.node');
require('./dist/register_all_kernels');
const { NodeJSKernelBackend } = require('./dist/nodejs_kernel_backend');
if (!tf.findBackendFactory('tensorflow'))
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, '@tensorflow/tfjs-node'), 3);
exports.tensorflowVersion = binding.TF_Version;
exports.isUsingGpu = () => Boolean(binding.isUsingGpuDevice());
exports.runKernel = binding.runKernel;
exports.hasTiles = binding.hasTiles;
`;

/** Fetches the binding's sources and Node-API's headers into `folder` and makes its JavaScript loadable. */
export async function fetchSources(folder: string, context: SourcesContext): Promise<void> {
  await fetchPackage(bindingPackage, folder, context);
  await fetchPackage(headersPackage, join(folder, 'node-api'), context);
  const root = join(folder, 'package');
  for (const [path, text] of Object.entries(shims)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await writeFile(join(root, 'index.cjs'), entry);
  const manifest = { name: 'srcode-tensorflow', version: bindingPackage.version, main: 'index.cjs' };
  await writeFile(join(root, 'package.json'), `${JSON.stringify(manifest)}\n`);
}
