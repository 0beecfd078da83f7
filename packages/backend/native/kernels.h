// Fused kernels of a transformer on plain float arrays: the native counterparts of assembly/*.ts. Row-major; q [B·T, H·d],
// k and v [B·T, KV·d]; real tokens of row b are [starts[b], ends[b]).
#ifndef SRCODE_KERNELS_H_
#define SRCODE_KERNELS_H_

#include <cstdint>
#include <functional>

namespace srcode {

/** How many threads `ParallelFor` uses. */
int Threads();

/** Runs work(i) for i in [0, count) on all cores; the caller takes part. One call at a time. */
void ParallelFor(int count, const std::function<void(int)> &work);

/** Runs work(first, count) over n items, in slices on all cores when each has `cost` numbers and they are many. */
template <typename Work>
void Sliced(int64_t n, int64_t cost, const Work &work) {
  if (n * cost < 1 << 15) return work(static_cast<int64_t>(0), n);
  constexpr int kSlices = 16;
  ParallelFor(kSlices, [&](int i) {
    const int64_t from = n * i / kSlices, to = n * (i + 1) / kSlices;
    if (to > from) work(from, to - from);
  });
}

struct AttentionShape {
  int batch, length, heads, kv_heads, d;
};

void RmsNorm(int n, int d, const float *x, const float *w, float epsilon, float *y, float *inverse);
/** Adds `past`, what reaches x on another way, to dx unless it is null; dw may be null. */
void RmsNormGrad(int n, int d, const float *x, const float *w, const float *inverse, const float *dy, const float *past,
                 float *dx, float *dw);
void SwiGlu(int64_t n, const float *gate, const float *up, float *y);
/** And y once more unless it is null; dy may be d_up. */
void SwiGluGrad(int64_t n, const float *gate, const float *up, const float *dy, float *y, float *d_gate, float *d_up);
void Attention(const AttentionShape &s, const float *q, const float *k, const float *v, const int32_t *starts,
               const int32_t *ends, const float *cos, const float *sin, float *out, float *log_sums);
void AttentionGrad(const AttentionShape &s, const float *q, const float *k, const float *v, const int32_t *starts,
                   const int32_t *ends, const float *cos, const float *sin, const float *out, const float *log_sums,
                   const float *d_out, float *dq, float *dk, float *dv);
void FillCache(const AttentionShape &s, const float *k, const float *v, const int32_t *starts, const int32_t *ends,
               const int32_t *targets, const float *cos, const float *sin, float *cache_k, float *cache_v,
               int capacity);
void DecodeAttention(int rows, int heads, int kv_heads, int d, const float *q, const float *k, const float *v,
                     const int32_t *cache_rows, const int32_t *positions, const float *cos, const float *sin,
                     float *cache_k, float *cache_v, int capacity, float *out);
void CopyRows(int count, int64_t row_size, float *cache, const int32_t *from, const int32_t *to);

/**
 * How weights [n, k] lie in memory. All but the first are exact: expanding them gives the float32 numbers that they were
 * made of, bit by bit. What decoding reads is up to five times less.
 */
enum class Storage {
  kFloat,
  /** The upper halves of float32 numbers whose lower halves are zero. */
  kBrain,
  /** Blocks of 24 bytes: float32 scale and offset, then 32 quanta of 4 bits; k is a multiple of 32. */
  kAffine4,
  /** Blocks of 24 bytes: float32 scale and offset, then 16 signed quanta; k is a multiple of 16. */
  kAffine8,
};
struct Weights {
  const void *data;
  Storage storage;
};
/** Puts float32 weights [n, k] into another storage; false, and `to` undefined, when it does not hold them exactly. */
bool CompressWeights(Storage storage, int n, int k, const float *values, void *to);

/** y [m, n] = x [m, k] · wᵀ, w [n, k], for at most 32 rows: every weight is read once. */
void SkinnyMatMul(int m, int n, int k, const float *x, const Weights &w, float *y);

/** y = x·wᵀ + bias + scale·(x·aᵀ)·bᵀ: w [out, in], a [rank, in], b [out, rank]; bias, and a and b of rank 0, may be null. */
struct DecodeLinear {
  Weights w;
  const float *bias, *a, *b;
  int rank;
};
struct DecodeLayerWeights {
  int hidden, inner;
  float epsilon, scale;
  const float *input_norm, *inner_norm;
  DecodeLinear q, k, v, o, gate, up, down;
};
struct DecodeLayerState {
  int heads, kv_heads, d, capacity;
  const int32_t *cache_rows, *positions;
  const float *cos, *sin;
  float *cache_k, *cache_v;
};
/** One token of each of at most 32 rows through a whole layer: x [m, hidden] → out, keys and values into the cache. */
void DecodeLayer(const DecodeLayerWeights &layer, const DecodeLayerState &state, int m, const float *x, float *out);

/**
 * Log-probabilities of `targets` given logits [n, size], which are overwritten: with `gradient` by what a log-probability
 * changes with each logit, one-hot − softmax.
 */
void PickLogProbs(int n, int size, float *logits, const int32_t *targets, bool gradient, float *log_probs);

/** A token of each row at `temperature` by one uniform draw each, and its log-probability at temperature 1. */
void SampleRows(int rows, int size, const float *logits, const float *draws, float temperature, float *tokens,
                float *log_probs);

/** z [m, rank] = scale · x [m, k] · down, [k, rank] or, turned, [rank, k]. */
void LowRankDown(int m, int k, int rank, float scale, const float *x, const float *down, bool turned, float *z);
/** y [m, n] += z [m, rank] · up, [rank, n] or, turned, [n, rank]. */
void LowRankUp(int m, int n, int rank, const float *z, const float *up, bool turned, float *y);

/** to [rank, n] or, turned, [n, rank] = zᵀ · x over m rows: z [m, rank], x [m, n]. */
struct OuterProduct {
  int n, rank;
  const float *z, *x;
  bool turned;
  float *to;
};
void LowRankOuter(int m, const OuterProduct *products, int count);

/** One step of AdamW over n numbers (Loshchilov & Hutter 2019, alg. 2), the bias corrections folded into rate and epsilon;
 * the moments are changed in place. */
struct AdamWStep {
  float beta1, beta2, rate, epsilon, keep, scale;
};
void AdamW(const AdamWStep &step, int64_t n, const float *value, const float *gradient, float *first, float *second,
           float *new_value);

/** Σ x², summed in float64. */
double SumOfSquares(int64_t n, const float *x);

/**
 * True when this build has `TileProducts`: on the matrix unit where processor and system have one (`SRCODE_AMX=0` says no,
 * `SRCODE_AMX=bf16` keeps to what every such unit has), else on a vector unit with fused multiply-adds.
 */
bool HasTiles();

/** A side of a product: x(line, p) = x[line·line_stride + p·depth_stride], one stride being 1; `c` where it is an other. */
struct TileSide {
  const float *x;
  int64_t line_stride, depth_stride;
  int lines;
  float *c = nullptr;
  int64_t c_row = 0;
  /** A product of low rank that this one's c has added: z [the shared side's lines, rank] · up(line, r)ᵀ, the shared side left. */
  const float *z = nullptr, *up = nullptr;
  int64_t up_line_stride = 0, up_depth_stride = 0;
  int rank = 0;
};

/**
 * Products of a shared side, packed once, with each of some others, over a depth of k: c = shared · otherᵀ, or with the
 * shared one on the right c = other · sharedᵀ, each side as its lines. With `accumulate` added to what c holds.
 */
void TileProducts(const TileSide &shared, const TileSide *others, int count, int k, bool shared_is_left,
                  bool accumulate);

/** c [m, n] = a·b, a [m, k] or, turned, [k, m]; b [k, n] or, turned, [n, k]. */
inline void TileMatMul(int m, int n, int k, const float *a, bool a_turned, const float *b, bool b_turned, float *c) {
  const TileSide left{a, a_turned ? 1 : k, a_turned ? m : 1, m};
  const TileSide right{b, b_turned ? k : 1, b_turned ? 1 : n, n, c, n};
  TileProducts(left, &right, 1, k, true, false);
}

}  // namespace srcode

#endif  // SRCODE_KERNELS_H_
