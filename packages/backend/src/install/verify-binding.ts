import { createRequire } from 'node:module';
import { VerifyFailedError } from './errors.js';
import { lastLines, runCommand } from './run-command.js';
import type { TensorflowCheck } from './types.js';

/*
 * Run by a fresh Node: a product and the gradients of sum(a·b) and of sum((a·b)²), both against plain JavaScript.
 * The gradient rule is written out here because tfjs-core ships none that Node can load by itself.
 */
const script = `
const tf = require(process.argv[1]);
globalThis[Symbol.for('srcode.tfjs')] = tf;
const native = require(process.argv[2]);
tf.setBackend('tensorflow');
const n = 17, k = 23, m = 9;
const fill = (size, phase) => Float32Array.from({ length: size }, (_, i) => Math.sin(i * 0.7 + phase));
const a = fill(n * k, 0), b = fill(k * m, 1);
const c = new Float64Array(n * m), da = new Float64Array(n * k);
for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) for (let t = 0; t < k; t++) c[i * m + j] += a[i * k + t] * b[t * m + j];
for (let i = 0; i < n; i++) for (let t = 0; t < k; t++) for (let j = 0; j < m; j++) da[i * k + t] += 2 * c[i * m + j] * b[t * m + j];
const difference = (x, y) => x.reduce((most, v, i) => { const d = Math.abs(v - y[i]); return d > most || d !== d ? d : most; }, 0);
tf.registerGradient({ kernelName: 'BatchMatMul', inputsToSave: ['a', 'b'], gradFunc: (dy, [a, b]) => ({ a: () => tf.matMul(dy, b, false, true), b: () => tf.matMul(a, dy, true, false) }) });
tf.registerGradient({ kernelName: 'Square', inputsToSave: ['x'], gradFunc: (dy, [x]) => ({ x: () => tf.mul(dy, tf.mul(x, 2)) }) });
tf.registerGradient({ kernelName: 'Sum', inputsToSave: ['x'], gradFunc: (dy, [x]) => ({ x: () => tf.mul(tf.ones(x.shape), dy) }) });
const A = tf.tensor2d(a, [n, k]), B = tf.tensor2d(b, [k, m]);
const matMulError = difference(tf.matMul(A, B).dataSync(), c);
const gradientError = difference(tf.grad((x) => tf.sum(tf.square(tf.matMul(x, B))))(A).dataSync(), da);
const L = tf.randomNormal([512, 512]);
const times = [];
for (let i = 0; i < 12; i++) {
  const start = performance.now();
  const p = tf.matMul(L, L); p.dataSync(); p.dispose();
  times.push(performance.now() - start);
}
times.sort((x, y) => x - y);
const gigaflops = Math.round((2 * 512 ** 3) / times[6] / 1e5) / 10;
process.stdout.write('SRCODE_CHECK ' + JSON.stringify({ tensorflowVersion: native.tensorflowVersion, gpu: native.isUsingGpu(), matMulError, gradientError, gigaflops }) + '\\n');
`;

/** The line that names the error: Node prints it before the stack, a loader's message ends with it. */
function failureLine(tail: string): string {
  return tail.split('\n').find((line) => /^\w*(Error|F\d{4}|terminate)/.test(line)) ?? lastLines(tail, 3);
}

/** Float32 sums of two dozen products of numbers below 1: rounding stays far under this. */
const tolerance = 1e-3;

/**
 * Loads the binding in `folder` in a fresh process, multiplies and differentiates with it, and returns what it
 * found. Throws `VerifyFailedError` when it does not load, crashes or computes wrongly.
 */
export async function verifyBinding(
  folder: string,
  options: { readonly environment: NodeJS.ProcessEnv; readonly signal: AbortSignal | undefined },
): Promise<TensorflowCheck> {
  const core = createRequire(import.meta.url).resolve('@tensorflow/tfjs-core');
  const environment = { TF_CPP_MIN_LOG_LEVEL: '2', ...options.environment, NODE_OPTIONS: '' };
  const args = ['-e', script, core, folder];
  const result = await runCommand(process.execPath, args, { environment, signal: options.signal });
  const line = result.stdout.split('\n').find((text) => text.startsWith('SRCODE_CHECK '));
  const fail = (what: string): never => {
    throw new VerifyFailedError({
      code: 'TENSORFLOW_VERIFY_FAILED',
      message: `The binding was built, but ${what}. Run \`srcode backend install\` again with another library (SRCODE_LIBTENSORFLOW), or use the backend \`wasm\`. It said: ${failureLine(result.tail)}`,
      context: { folder, exitCode: result.exitCode ?? null, said: lastLines(result.tail, 20) },
    });
  };
  if (result.exitCode !== 0 || !line) return fail('it does not load or crashes');
  const check = JSON.parse(line.slice('SRCODE_CHECK '.length)) as TensorflowCheck;
  if (!(check.matMulError < tolerance)) fail(`its matrix product is off by ${check.matMulError}`);
  if (!(check.gradientError < tolerance)) fail(`its gradient is off by ${check.gradientError}`);
  return check;
}
