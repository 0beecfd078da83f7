export { attention, attentionGrad, attentionScratchBytes, decodeAttention, fillCache } from './attention';
export {
  logProbs,
  logProbsGrad,
  rmsNorm,
  rmsNormGrad,
  scatterAdd,
  swiGlu,
  swiGluGrad,
} from './elementwise';
export { gemm, gemmScratchBytes } from './gemm';
