/** Source text of `src/wasm-kernels/binary.ts` as `assembly/` compiles now. */
export function compileKernels(): Promise<string>;
