export { attention, attentionGrad, attentionScratchBytes, decodeAttention, fillCache } from './attention';
export {
  adamW,
  logProbs,
  logProbsGrad,
  rmsNorm,
  rmsNormGrad,
  scatterAdd,
  sumOfSquares,
  swiGlu,
  swiGluGrad,
} from './elementwise';
export { gemm, gemmScratchBytes } from './gemm';
