#include "kernels.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "vectors.h"

namespace srcode {
namespace {

// template arguments lose attributes: the types are passed by these
struct Lanes8 {
  typedef Vector8 V;
};
struct Widest {
  typedef Vector V;
};
inline float Sum(Vector v) {
  float total[8];
  for (int i = 0; i < 8; i++) total[i] = kLanes == 16 ? v[i] + v[(i + 8) % kLanes] : v[i];
  return ((total[0] + total[4]) + (total[1] + total[5])) + ((total[2] + total[6]) + (total[3] + total[7]));
}

/**
 * Threads that wait for work; never joined, as the process ends with them. A helper watches for the next round for some
 * microseconds before it sleeps: the steps of a decoding layer follow one another faster than a sleeper wakes.
 */
class Pool {
 public:
  explicit Pool(int helpers) : helpers_(helpers) {
    for (int i = 0; i < helpers; i++) std::thread([this] { Help(); }).detach();
  }
  void Run(int count, const std::function<void(int)> &work) {
    work_ = &work;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(helpers_, std::memory_order_relaxed);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      round_.fetch_add(1);
    }
    if (asleep_.load() > 0) wake_.notify_all();
    Drain(work, count);
    for (int spins = 0; busy_.load(std::memory_order_acquire) > 0; spins++) {
      if (spins < kSpins) {
        Pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  static constexpr int kSpins = 2000;
  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  void Drain(const std::function<void(int)> &work, int count) {
    for (int i; (i = next_.fetch_add(1)) < count;) work(i);
  }
  void Help() {
    int64_t seen = 0;
    for (;;) {
      for (int spins = 0; round_.load() == seen && spins < kSpins; spins++) Pause();
      if (round_.load() == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        asleep_.fetch_add(1);
        wake_.wait(lock, [&] { return round_.load() != seen; });
        asleep_.fetch_sub(1);
      }
      seen++;
      Drain(*work_, count_);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_;
  const std::function<void(int)> *work_ = nullptr;
  const int helpers_;
  int count_ = 0;
  std::atomic<int> next_{0}, busy_{0}, asleep_{0};
  std::atomic<int64_t> round_{0};
};

/** e^x to 1e-7 relative (Cephes' polynomial); written so that compilers vectorise loops over it. */
inline float Exp(float x) {
  x = std::min(88.0f, std::max(-87.0f, x));
  const float n = std::floor(x * 1.44269504088896f + 0.5f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, 4);
  return p * power;
}

/** Rows of a tile of `Gemm`, so many that its sums, two vectors each, stay in registers. */
constexpr int kTileRows = kRegisters == 32 ? 8 : 6;

/** One tile of `Gemm`: kRows by two vectors of sums in registers. */
template <int kRows>
inline void Tile(int k, const float *a, int64_t a_row, int64_t a_depth, const float *b, int64_t b_row, float *c,
                 int64_t c_row, bool accumulate) {
  Vector sums[kRows][2] = {};
  for (int p = 0; p < k; p++, b += b_row) {
    const Vector b0 = Load(b), b1 = Load(b + kLanes);
    for (int r = 0; r < kRows; r++) {
      const Vector x = Spread<Vector>(a[r * a_row + p * a_depth]);
      sums[r][0] = MulAdd(x, b0, sums[r][0]);
      sums[r][1] = MulAdd(x, b1, sums[r][1]);
    }
  }
  for (int r = 0; r < kRows; r++) {
    for (int h = 0; h < 2; h++) {
      float *to = c + r * c_row + h * kLanes;
      Store(to, accumulate ? Load(to) + sums[r][h] : sums[r][h]);
    }
  }
}

/** Depth of b that `Gemm` lays out anew at once: with the rows' numbers it stays in the first-level cache. */
constexpr int kGemmDepth = 256;

/** c [m, n] (+)= a·b: a by row and depth stride, b [k, n] and c by row stride. */
void Gemm(int m, int n, int k, const float *a, int64_t a_row, int64_t a_depth, const float *b, int64_t b_row, float *c,
          int64_t c_row, bool accumulate) {
  constexpr int kColumns = 2 * kLanes;
  const int whole = n - n % kColumns;
  alignas(64) float panel[kGemmDepth * kColumns];
  const auto columns = [&](int span, const float *a, const float *b, int64_t b_row, float *c, bool add) {
    int i = 0;
    for (; i + kTileRows <= m; i += kTileRows) Tile<kTileRows>(span, a + i * a_row, a_row, a_depth, b, b_row, c + i * c_row, c_row, add);
    for (; i + 4 <= m; i += 4) Tile<4>(span, a + i * a_row, a_row, a_depth, b, b_row, c + i * c_row, c_row, add);
    for (; i < m; i++) Tile<1>(span, a + i * a_row, a_row, a_depth, b, b_row, c + i * c_row, c_row, add);
  };
  for (int j = 0; j < whole; j += kColumns) {
    if (m < 2 * kTileRows) {
      columns(k, a, b + j, b_row, c + j, accumulate);
      continue;
    }
    // side by side: rows of b a power of two apart would push one another out of the cache
    for (int from = 0; from < k; from += kGemmDepth) {
      const int span = std::min(kGemmDepth, k - from);
      for (int p = 0; p < span; p++) {
        const float *row = b + (from + p) * b_row + j;
        Store(panel + p * kColumns, Load(row));
        Store(panel + p * kColumns + kLanes, Load(row + kLanes));
      }
      columns(span, a + from * a_depth, panel, kColumns, c + j, accumulate || from > 0);
    }
  }
  if (whole == n) return;
  for (int i = 0; i < m; i++) {
    float sums[kColumns] = {};
    for (int p = 0; p < k; p++) {
      const float x = a[i * a_row + p * a_depth];
      for (int t = whole; t < n; t++) sums[t - whole] += x * b[p * b_row + t];
    }
    for (int t = whole; t < n; t++) c[i * c_row + t] = accumulate ? c[i * c_row + t] + sums[t - whole] : sums[t - whole];
  }
}

inline float Dot(const float *a, const float *b, int n) {
  Vector s0 = {}, s1 = {}, s2 = {}, s3 = {};
  int i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    s0 = MulAdd(Load(a + i), Load(b + i), s0);
    s1 = MulAdd(Load(a + i + kLanes), Load(b + i + kLanes), s1);
    s2 = MulAdd(Load(a + i + 2 * kLanes), Load(b + i + 2 * kLanes), s2);
    s3 = MulAdd(Load(a + i + 3 * kLanes), Load(b + i + 3 * kLanes), s3);
  }
  float total = Sum((s0 + s1) + (s2 + s3));
  for (; i < n; i++) total += a[i] * b[i];
  return total;
}

/** Rows of weights that `SkinnyTile` takes at once: enough sums under way to hide how long each addition takes. */
constexpr int kStreams = 12;

/**
 * A compressed block's numbers in vectors, q·scale + offset, handed to `take(vector, index of its first)`: without a detour
 * through memory, and by their names where compilers of 2022 do not find the conversions' instructions themselves.
 */
template <typename Take>
inline void ExpandNibbles(const uint8_t *bytes, float scale, float offset, const Take &take) {
#if defined(__AVX512F__)
  // the sixteen numbers that there can be, and which of them
  const __m512 steps = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512 table = _mm512_fmadd_ps(steps, _mm512_set1_ps(scale), _mm512_set1_ps(offset));
  const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes)));
  // of an index the lowest four bits count
  take(_mm512_permutexvar_ps(wide, table), 0);
  take(_mm512_permutexvar_ps(_mm512_srli_epi32(wide, 4), table), 16);
#elif defined(__AVX2__) && defined(__FMA__)
  const __m256 by = _mm256_set1_ps(scale), from = _mm256_set1_ps(offset);
  for (int half = 0; half < 16; half += 8) {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(bytes + half)));
    const __m256i low = _mm256_and_si256(wide, _mm256_set1_epi32(15)), high = _mm256_srli_epi32(wide, 4);
    take(_mm256_fmadd_ps(_mm256_cvtepi32_ps(low), by, from), half);
    take(_mm256_fmadd_ps(_mm256_cvtepi32_ps(high), by, from), 16 + half);
  }
#else
  for (int first = 0; first < 32; first += kLanes) {
    Vector v;
    for (int i = 0; i < kLanes; i++)
      v[i] = std::fma(static_cast<float>(bytes[(first + i) % 16] >> (first < 16 ? 0 : 4) & 15), scale, offset);
    take(v, first);
  }
#endif
}
template <typename Take>
inline void ExpandSigned(const int8_t *quanta, float scale, float offset, const Take &take) {
#if defined(__AVX512F__)
  const __m512i wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(quanta)));
  take(_mm512_fmadd_ps(_mm512_cvtepi32_ps(wide), _mm512_set1_ps(scale), _mm512_set1_ps(offset)), 0);
#elif defined(__AVX2__) && defined(__FMA__)
  for (int half = 0; half < 16; half += 8) {
    const __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(quanta + half)));
    take(_mm256_fmadd_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(scale), _mm256_set1_ps(offset)), half);
  }
#else
  for (int first = 0; first < 16; first += kLanes) {
    Vector v;
    for (int i = 0; i < kLanes; i++) v[i] = std::fma(static_cast<float>(quanta[first + i]), scale, offset);
    take(v, first);
  }
#endif
}

/** Sums that a row's product with a vector is split into: enough to hide how long an addition takes. */
constexpr int kDotSums = 4;

/** A block of 32 numbers q·scale + offset, q the low and then the high halves of its bytes. */
struct Affine4 {
  static constexpr int kCount = 32;
  float scale, offset;
  uint8_t quanta[16];
  template <typename Take>
  void Each(const Take &take) const {
    ExpandNibbles(quanta, scale, offset, take);
  }
};

/** A block of 16 numbers q·scale + offset. */
struct Affine8 {
  static constexpr int kCount = 16;
  float scale, offset;
  int8_t quanta[16];
  template <typename Take>
  void Each(const Take &take) const {
    ExpandSigned(quanta, scale, offset, take);
  }
};

template <typename Block>
inline void Expand(const Block &block, float *to) {
  block.Each([to](Vector v, int first) __attribute__((always_inline)) { Store(to + first, v); });
}

void SetQuanta(const int *quanta, Affine4 *block) {
  for (int i = 0; i < 16; i++) block->quanta[i] = static_cast<uint8_t>(quanta[i] | quanta[16 + i] << 4);
}
void SetQuanta(const int *quanta, Affine8 *block) {
  for (int i = 0; i < 16; i++) block->quanta[i] = static_cast<int8_t>(quanta[i]);
}

/**
 * Sets scale and quanta such that expanding gives `values` bit by bit, given the offset; false if there are none. With
 * the widest distance from it being `most` quanta at most, the scale is that distance over 1, 2, … or `most`: what was
 * rounded to so many steps mostly uses all of them.
 */
template <typename Block>
bool FitBlock(const float *values, float widest, int most, int least, Block *block) {
  for (int steps = most; steps >= 1; steps--) {
    block->scale = widest / steps;
    const float by = block->scale > 0 ? 1 / block->scale : 0;
    int quanta[Block::kCount];
    for (int i = 0; i < Block::kCount; i++)
      quanta[i] = static_cast<int>(std::min<float>(most, std::max<float>(least, std::nearbyint((values[i] - block->offset) * by))));
    SetQuanta(quanta, block);
    float expanded[Block::kCount];
    Expand(*block, expanded);
    bool fits = true;
    for (int i = 0; i < Block::kCount; i++) fits &= expanded[i] == values[i];
    if (fits) return true;
  }
  return false;
}

bool Compress(const float *values, Affine4 *block) {
  const auto [low, high] = std::minmax_element(values, values + Affine4::kCount);
  block->offset = *low;
  return FitBlock(values, *high - *low, 15, 0, block);
}

bool Compress(const float *values, Affine8 *block) {
  float widest = 0;
  for (int i = 0; i < Affine8::kCount; i++) widest = std::max(widest, std::abs(values[i]));
  block->offset = 0;
  return FitBlock(values, widest, 127, -128, block);
}

template <typename Block>
bool CompressBlocks(const float *values, int64_t count, void *to) {
  Block *block = static_cast<Block *>(to);
  for (int64_t i = 0; i < count; i += Block::kCount)
    if (!Compress(values + i, block++)) return false;
  return true;
}

bool CompressHeads(const float *values, int64_t count, void *to) {
  uint16_t *heads = static_cast<uint16_t *>(to);
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    std::memcpy(&bits, values + i, 4);
    if (bits & 0xFFFF) return false;
    heads[i] = static_cast<uint16_t>(bits >> 16);
  }
  return true;
}

/** Asks memory for the lines of `bytes` from `next` on. */
inline void FetchAhead(const char *next, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(next + i, 0, 2);
}

/** `count` numbers from number `first` on as float32. */
template <typename Block>
void ExpandBlocks(const void *data, int64_t first, int64_t count, float *to) {
  const Block *block = static_cast<const Block *>(data) + first / Block::kCount, *end = block + count / Block::kCount;
  for (; block < end; to += Block::kCount) Expand(*block++, to);
}

/** Bytes of a compressed row of k numbers. */
int64_t RowBytes(Storage storage, int k) {
  switch (storage) {
    case Storage::kFloat: return static_cast<int64_t>(k) * sizeof(float);
    case Storage::kBrain: return static_cast<int64_t>(k) * sizeof(uint16_t);
    case Storage::kAffine4: return k / Affine4::kCount * sizeof(Affine4);
    default: return k / Affine8::kCount * sizeof(Affine8);
  }
}

/** `rows` compressed rows from row `first` on as float32. */
void ExpandRows(const Weights &w, int k, int first, int rows, float *to) {
  const int64_t from = static_cast<int64_t>(first) * k, count = static_cast<int64_t>(rows) * k;
  switch (w.storage) {
    case Storage::kAffine4: return ExpandBlocks<Affine4>(w.data, from, count, to);
    case Storage::kAffine8: return ExpandBlocks<Affine8>(w.data, from, count, to);
    default: {
      const uint16_t *heads = static_cast<const uint16_t *>(w.data) + from;
      uint32_t *bits = reinterpret_cast<uint32_t *>(to);
      for (int64_t i = 0; i < count; i++) bits[i] = static_cast<uint32_t>(heads[i]) << 16;
    }
  }
}

/** Room of a thread for the rows that it expands. */
float *ExpansionBuffer(size_t count) {
  static thread_local std::vector<float> buffer;
  if (buffer.size() < count) buffer.resize(count);
  return buffer.data();
}

/**
 * yT [kRows, M] = w [kRows, k] · xT [k, M], M the lanes of kParts vectors: a weight is read once and meets all columns.
 * Rows of w lie one after the other, those of x and y kStride vectors apart. Meanwhile memory is asked for what comes next:
 * `next_bytes` from `next` on for every row, a little at a time, as no more than a few lines can be under way.
 */
template <typename Lanes, int kParts, int kStride, int kRows>
inline void SkinnyTile(int k, const float *x, const float *w, float *y, const char *next, int64_t next_bytes) {
  typedef typename Lanes::V V;
  constexpr int kWidth = sizeof(V) / sizeof(float);
  V sums[kRows][kParts] = {};
  const auto step = [&](int p) __attribute__((always_inline)) {
    V v[kParts];
    for (int h = 0; h < kParts; h++) v[h] = reinterpret_cast<const V *>(x + static_cast<int64_t>(p) * kStride * kWidth)[h];
    for (int r = 0; r < kRows; r++) {
      const V a = Spread<V>(w[static_cast<int64_t>(r) * k + p]);
      for (int h = 0; h < kParts; h++) sums[r][h] = MulAdd(a, v[h], sums[r][h]);
    }
  };
  int p = 0;
  const int64_t each = next ? kRows * next_bytes * 16 / k : 0;
  for (; p + 16 <= k; p += 16, next += each) {
    FetchAhead(next, each);
#pragma GCC unroll 16
    for (int q = 0; q < 16; q++) step(p + q);
  }
  for (; p < k; p++) step(p);
  for (int r = 0; r < kRows; r++)
    for (int h = 0; h < kParts; h++) reinterpret_cast<V *>(y)[r * kStride + h] = sums[r][h];
}

/** `SkinnyTile` for all the rows; x and y have kParts vectors a row. */
template <typename Lanes, int kParts>
void SkinnyRows(int rows, int k, const float *x, const float *w, float *y, const char *next, int64_t next_bytes) {
  constexpr int kLane = sizeof(typename Lanes::V) / sizeof(float), kFew = 4;
  // sums that stay in registers: with few of those, two vectors of a row at a time
  constexpr int kPart = kRegisters == 32 ? kParts : std::min(kParts, 2), kMany = kRegisters == 32 || kPart == 1 ? kStreams : 6;
  int o = 0;
  const auto at = [&](auto tile) {
    for (int part = 0; part < kParts; part += kPart)
      tile(k, x + part * kLane, w + static_cast<int64_t>(o) * k, y + (static_cast<int64_t>(o) * kParts + part) * kLane,
           part == 0 && next ? next + o * next_bytes : nullptr, next_bytes);
  };
  for (; o + kMany <= rows; o += kMany) at(SkinnyTile<Lanes, kPart, kParts, kMany>);
  for (; o + kFew <= rows; o += kFew) at(SkinnyTile<Lanes, kPart, kParts, kFew>);
  for (; o < rows; o++) at(SkinnyTile<Lanes, kPart, kParts, 1>);
}

/** y [rows] = w · x for one column: four rows at a time, with `fetch` fetched ahead. */
void SkinnyVector(int rows, int k, const float *x, const float *w, float *y, bool fetch) {
  int o = 0;
  for (; o + 4 <= rows; o += 4) {
    const float *row = w + static_cast<int64_t>(o) * k;
    Vector sums[4][2] = {};
    int p = 0;
    for (; p + 2 * kLanes <= k; p += 2 * kLanes) {
      const Vector x0 = Load(x + p), x1 = Load(x + p + kLanes);
      for (int r = 0; r < 4; r++) {
        const float *at = row + static_cast<int64_t>(r) * k + p;
        if (fetch)
          for (int line = 0; line < 2 * kLanes; line += 16) __builtin_prefetch(at + 4 * static_cast<int64_t>(k) + line, 0, 2);
        sums[r][0] = MulAdd(Load(at), x0, sums[r][0]);
        sums[r][1] = MulAdd(Load(at + kLanes), x1, sums[r][1]);
      }
    }
    for (int r = 0; r < 4; r++) {
      float total = Sum(sums[r][0] + sums[r][1]);
      for (int q = p; q < k; q++) total += row[static_cast<int64_t>(r) * k + q] * x[q];
      y[o + r] = total;
    }
  }
  for (; o < rows; o++) y[o] = Dot(x, w + static_cast<int64_t>(o) * k, k);
}

/** y [to − from] = rows `from` to `to` of w [n, k] · x, expanded in registers. */
template <typename Block>
void BlockVector(int from, int to, int k, const float *x, const void *data, float *y) {
  const int blocks = k / Block::kCount;
  const Block *block = static_cast<const Block *>(data) + static_cast<int64_t>(from) * blocks;
  // far enough ahead that memory keeps up, past the end of a page which the processor's own fetching does not pass
  constexpr int kAhead = 1024;
  for (int o = from; o < to; o++) {
    Vector sums[kDotSums] = {};
    for (int i = 0; i < blocks; i++, block++) {
      __builtin_prefetch(reinterpret_cast<const char *>(block) + kAhead, 0, 2);
      const float *own = x + i * Block::kCount;
      block->Each([&](Vector v, int first) __attribute__((always_inline)) {
        Vector &sum = sums[first / kLanes % kDotSums];
        sum = MulAdd(v, Load(own + first), sum);
      });
    }
    *y++ = Sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
}

/** Columns that `SkinnyColumns` works on for m rows of x: 1, 8, 16 or 32. */
int PaddedRows(int m) { return m == 1 ? 1 : m <= 8 ? 8 : m <= 16 ? 16 : 32; }

/** yT [rows, columns] = w [rows, k] · xT [k, columns]; `next`: where in memory what comes next begins, or null. */
void SkinnyColumns(int columns, int rows, int k, const float *x, const float *w, float *y, const char *next = nullptr,
                   int64_t next_bytes = 0) {
  switch (columns) {
    case 1: return SkinnyVector(rows, k, x, w, y, next != nullptr);
    case 8: return SkinnyRows<Lanes8, 1>(rows, k, x, w, y, next, next_bytes);
    case 16: return SkinnyRows<Widest, 16 / kLanes>(rows, k, x, w, y, next, next_bytes);
    default: return SkinnyRows<Widest, 32 / kLanes>(rows, k, x, w, y, next, next_bytes);
  }
}

/** yT [to − from, M] of rows `from` to `to` of w [n, k] · xT [k, M], M of `PaddedRows`. */
void SkinnyRange(int columns, int from, int to, int k, const float *x, const Weights &w, float *y) {
  if (columns == 1 && w.storage == Storage::kAffine4) return BlockVector<Affine4>(from, to, k, x, w.data, y);
  if (columns == 1 && w.storage == Storage::kAffine8) return BlockVector<Affine8>(from, to, k, x, w.data, y);
  const int64_t bytes = RowBytes(w.storage, k);
  const char *data = static_cast<const char *>(w.data);
  if (w.storage == Storage::kFloat) {
    // as far ahead as a tile is high
    const float *own = reinterpret_cast<const float *>(data + from * bytes);
    return SkinnyColumns(columns, to - from, k, x, own, y, data + (from + kStreams) * bytes, bytes);
  }
  float *buffer = ExpansionBuffer(static_cast<size_t>(kStreams) * k);
  for (int o = from; o < to; o += kStreams) {
    const int rows = std::min(kStreams, to - o);
    ExpandRows(w, k, o, rows, buffer);
    SkinnyColumns(columns, rows, k, x, buffer, y + static_cast<int64_t>(o - from) * columns, data + (o + rows) * bytes, bytes);
  }
}

/** Runs work(from, to) over n rows of weights in a few shares on all cores. */
template <typename Work>
void InShares(int n, const Work &work) {
  constexpr int kUnit = 2 * kStreams;
  const int units = (n + kUnit - 1) / kUnit, shares = std::min(units, Threads() * 4);
  ParallelFor(shares, [&](int share) {
    work(static_cast<int>(static_cast<int64_t>(units) * share / shares) * kUnit,
         std::min(n, static_cast<int>(static_cast<int64_t>(units) * (share + 1) / shares) * kUnit));
  });
}

/** Turns a row by one position's angles (`rotate_half`) times `scale`; sign −1 turns back. */
inline void RotateRow(const float *x, float *to, int half, const float *cos, const float *sin, float sign, float scale) {
  for (int i = 0; i < half; i++) {
    const float a = x[i], b = x[half + i], c = cos[i] * scale, s = sin[i] * scale * sign;
    to[i] = a * c - b * s;
    to[half + i] = b * c + a * s;
  }
}

void RotateRows(int n, int d, const float *x, int64_t x_row, float *to, int64_t to_row, const float *cos,
                const float *sin, float sign, float scale) {
  const int half = d / 2;
  for (int t = 0; t < n; t++) {
    // rows lie further apart than the processor looks ahead by itself
    FetchAhead(reinterpret_cast<const char *>(x + (t + 4) * x_row), d * sizeof(float));
    RotateRow(x + t * x_row, to + t * to_row, half, cos + t * half, sin + t * half, sign, scale);
  }
}

void Transpose(int n, int d, const float *x, int64_t x_row, float *to) {
  for (int t = 0; t < n; t++)
    for (int i = 0; i < d; i++) to[static_cast<int64_t>(i) * n + t] = x[t * x_row + i];
}

/** x [m, k] → [k, columns], the columns from m on zero. */
void ToColumns(int m, int k, int columns, const float *x, float *to) {
  for (int p = 0; p < k; p++)
    for (int i = 0; i < columns; i++) to[static_cast<int64_t>(p) * columns + i] = i < m ? x[static_cast<int64_t>(i) * k + p] : 0;
}

void FromColumns(int m, int n, int columns, const float *x, float *to) {
  for (int i = 0; i < m; i++)
    for (int o = 0; o < n; o++) to[static_cast<int64_t>(i) * n + o] = x[static_cast<int64_t>(o) * columns + i];
}

float ExpInPlace(float *x, int n, float top) {
  for (int i = 0; i < n; i++) x[i] = Exp(x[i] - top);
  Vector sums = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) sums += Load(x + i);
  float total = Sum(sums);
  for (; i < n; i++) total += x[i];
  return total;
}

float MaxOf(const float *x, int n) {
  int i = 0;
  float top = x[0];
  if (n >= kLanes) {
    Vector tops = Load(x);
    for (i = kLanes; i + kLanes <= n; i += kLanes) {
      const Vector v = Load(x + i);
      tops = v > tops ? v : tops;
    }
    for (int lane = 0; lane < kLanes; lane++) top = std::max(top, tops[lane]);
  }
  for (; i < n; i++) top = std::max(top, x[i]);
  return top;
}

/** Scores of some heads' queries with some keys: scores[head·stride + key], each key read once. */
template <int kHeads, int kKeys>
inline void KeyTile(int d, const float *q, const float *keys, float *scores, int stride) {
  Register sums[kHeads][kKeys] = {};
  int i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    Register own[kHeads];
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; h++) own[h] = Load(q + h * d + i);
#pragma GCC unroll 4
    for (int t = 0; t < kKeys; t++) {
      const Register key = Load(keys + static_cast<int64_t>(t) * d + i);
#pragma GCC unroll 4
      for (int h = 0; h < kHeads; h++) sums[h][t] = MulAdd(key, own[h], sums[h][t]);
    }
  }
#pragma GCC unroll 4
  for (int h = 0; h < kHeads; h++) {
#pragma GCC unroll 4
    for (int t = 0; t < kKeys; t++) {
      float total = Sum(sums[h][t]);
      for (int j = i; j < d; j++) total += q[h * d + j] * keys[static_cast<int64_t>(t) * d + j];
      scores[h * stride + t] = total;
    }
  }
}

/** Sums of n values, weighted by each head's scores, of kVectors vectors from `values` on: → out[head·d]. */
template <int kHeads, int kVectors>
inline void ValueTile(int n, int d, const float *scores, const float *values, float *out) {
  Register sums[kHeads][kVectors] = {};
  for (int t = 0; t < n; t++, values += d) {
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; h++) {
      const Register w = Spread<Register>(scores[static_cast<int64_t>(h) * n + t]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; j++) sums[h][j] = MulAdd(w, Load(values + j * kLanes), sums[h][j]);
    }
  }
#pragma GCC unroll 4
  for (int h = 0; h < kHeads; h++) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; j++) Store(out + h * d + j * kLanes, sums[h][j]);
  }
}

/** Attention of one token's queries in kHeads heads, which share n keys and values [n, d]: q and out [kHeads, d]. */
template <int kHeads>
void AttendHeads(int n, int d, const float *q, const float *keys, const float *values, float *scores, float *out) {
  int t = 0;
  for (; t + 4 <= n; t += 4) {
    // values are wanted next
    FetchAhead(reinterpret_cast<const char *>(values + static_cast<int64_t>(t) * d), 4 * d * sizeof(float));
    KeyTile<kHeads, 4>(d, q, keys + static_cast<int64_t>(t) * d, scores + t, n);
  }
  for (; t < n; t++) KeyTile<kHeads, 1>(d, q, keys + static_cast<int64_t>(t) * d, scores + t, n);
  for (int h = 0; h < kHeads; h++) {
    float *own = scores + static_cast<int64_t>(h) * n;
    const float by = 1.0f / ExpInPlace(own, n, MaxOf(own, n));
    for (int i = 0; i < n; i++) own[i] *= by;
  }
  int i = 0;
  for (; i + 4 * kLanes <= d; i += 4 * kLanes) ValueTile<kHeads, 4>(n, d, scores, values + i, out + i);
  for (; i + kLanes <= d; i += kLanes) ValueTile<kHeads, 1>(n, d, scores, values + i, out + i);
  for (; i < d; i++) {
    for (int h = 0; h < kHeads; h++) {
      float sum = 0;
      for (int j = 0; j < n; j++) sum += scores[static_cast<int64_t>(h) * n + j] * values[static_cast<int64_t>(j) * d + i];
      out[h * d + i] = sum;
    }
  }
}

/** Query rows whose scores exist at once: whole tiles of either height. */
constexpr int kBlock = 48;

struct Span {
  int start, n;
};
Span SpanOf(int b, const int32_t *starts, const int32_t *ends) {
  return {starts[b], std::max(0, ends[b] - starts[b])};
}

void ZeroOutside(int length, Span span, int64_t row, float *x) {
  std::memset(x, 0, sizeof(float) * span.start * row);
  const int end = span.start + span.n;
  std::memset(x + end * row, 0, sizeof(float) * (length - end) * row);
}

}  // namespace

int Threads() {
  static const int threads = [] {
    const char *wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int asked = wanted ? std::atoi(wanted) : 0;
    return std::max(1, asked > 0 ? asked : static_cast<int>(std::thread::hardware_concurrency()));
  }();
  return threads;
}

void ParallelFor(int count, const std::function<void(int)> &work) {
  if (count <= 1 || Threads() == 1) {
    for (int i = 0; i < count; i++) work(i);
    return;
  }
  static Pool *pool = new Pool(Threads() - 1);
  pool->Run(count, work);
}

void RmsNorm(int n, int d, const float *x, const float *w, float epsilon, float *y, float *inverse) {
  for (int row = 0; row < n; row++, x += d, y += d) {
    const float r = 1.0f / std::sqrt(Dot(x, x, d) / d + epsilon);
    inverse[row] = r;
    for (int i = 0; i < d; i++) y[i] = x[i] * r * w[i];
  }
}

void RmsNormGrad(int n, int d, const float *x, const float *w, const float *inverse, const float *dy, const float *past,
                 float *dx, float *dw) {
  constexpr int kSlices = 16;
  std::vector<float> parts(dw ? static_cast<size_t>(kSlices) * d : 0);
  ParallelFor(kSlices, [&](int slice) {
    for (int row = static_cast<int64_t>(n) * slice / kSlices; row < static_cast<int64_t>(n) * (slice + 1) / kSlices; row++) {
      const int64_t at = static_cast<int64_t>(row) * d;
      const float *x_row = x + at, *g = dy + at;
      float *to = dx + at;
      const float r = inverse[row];
      if (dw) {
        float *part = parts.data() + static_cast<int64_t>(slice) * d;
        for (int i = 0; i < d; i++) part[i] += g[i] * x_row[i] * r;
      }
      for (int i = 0; i < d; i++) to[i] = g[i] * w[i];
      const float shift = Dot(to, x_row, d) * r * r / d;
      if (past) {
        const float *more = past + at;
        for (int i = 0; i < d; i++) to[i] = r * (to[i] - x_row[i] * shift) + more[i];
      } else {
        for (int i = 0; i < d; i++) to[i] = r * (to[i] - x_row[i] * shift);
      }
    }
  });
  if (!dw) return;
  std::memset(dw, 0, sizeof(float) * d);
  for (int slice = 0; slice < kSlices; slice++)
    for (int i = 0; i < d; i++) dw[i] += parts[static_cast<int64_t>(slice) * d + i];
}

void SwiGlu(int64_t n, const float *gate, const float *up, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + Exp(-gate[i])) * up[i];
}

void SwiGluGrad(int64_t n, const float *gate, const float *up, const float *dy, float *y, float *d_gate, float *d_up) {
  float gated[64], slope[64];
  for (int64_t from = 0; from < n; from += 64) {
    const int count = static_cast<int>(std::min<int64_t>(64, n - from));
    const float *g = gate + from, *u = up + from, *e = dy + from;
    for (int i = 0; i < count; i++) {
      const float s = 1.0f / (1.0f + Exp(-g[i]));
      gated[i] = g[i] * s;
      slope[i] = s * (1.0f + g[i] * (1.0f - s));
    }
    if (y)
      for (int i = 0; i < count; i++) y[from + i] = gated[i] * u[i];
    for (int i = 0; i < count; i++) d_gate[from + i] = e[i] * u[i] * slope[i];
    // number by number dy may lie where d_up does
#pragma GCC ivdep
    for (int i = 0; i < count; i++) d_up[from + i] = e[i] * gated[i];
  }
}

void Attention(const AttentionShape &s, const float *q, const float *k, const float *v, const int32_t *starts,
               const int32_t *ends, const float *cos, const float *sin, float *out, float *log_sums) {
  const int d = s.d, group = s.heads / s.kv_heads;
  const int64_t q_row = static_cast<int64_t>(s.heads) * d, k_row = static_cast<int64_t>(s.kv_heads) * d;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  for (int b = 0; b < s.batch; b++) ZeroOutside(s.length, SpanOf(b, starts, ends), q_row, out + b * s.length * q_row);
  std::memset(log_sums, 0, sizeof(float) * s.batch * s.heads * s.length);
  ParallelFor(s.batch * s.kv_heads, [&](int task) {
    const int b = task / s.kv_heads, kv = task % s.kv_heads;
    const Span span = SpanOf(b, starts, ends);
    const int n = span.n;
    if (n == 0) return;
    const int64_t first = static_cast<int64_t>(b) * s.length + span.start;
    std::vector<float> turned(static_cast<size_t>(n) * d), keys(turned.size()), scores(static_cast<size_t>(kBlock) * n);
    RotateRows(n, d, k + first * k_row + kv * d, k_row, turned.data(), d, cos, sin, 1, 1);
    Transpose(n, d, turned.data(), d, keys.data());
    const float *values = v + first * k_row + kv * d;
    for (int head = kv * group; head < (kv + 1) * group; head++) {
      RotateRows(n, d, q + first * q_row + head * d, q_row, turned.data(), d, cos, sin, 1, scale);
      float *sums = log_sums + (static_cast<int64_t>(b) * s.heads + head) * s.length + span.start;
      for (int i = 0; i < n; i += kBlock) {
        const int rows = std::min(kBlock, n - i), seen = i + rows;
        Gemm(rows, seen, d, turned.data() + static_cast<int64_t>(i) * d, d, 1, keys.data(), n, scores.data(), n, false);
        for (int r = 0; r < rows; r++) {
          float *line = scores.data() + static_cast<int64_t>(r) * n;
          const int visible = i + r + 1;
          const float top = MaxOf(line, visible), sum = ExpInPlace(line, visible, top), by = 1.0f / sum;
          for (int j = 0; j < visible; j++) line[j] *= by;
          for (int j = visible; j < seen; j++) line[j] = 0;
          sums[i + r] = top + std::log(sum);
        }
        Gemm(rows, d, seen, scores.data(), n, 1, values, k_row, out + (first + i) * q_row + head * d, q_row, false);
      }
    }
  });
}

void AttentionGrad(const AttentionShape &s, const float *q, const float *k, const float *v, const int32_t *starts,
                   const int32_t *ends, const float *cos, const float *sin, const float *out, const float *log_sums,
                   const float *d_out, float *dq, float *dk, float *dv) {
  const int d = s.d, group = s.heads / s.kv_heads;
  const int64_t q_row = static_cast<int64_t>(s.heads) * d, k_row = static_cast<int64_t>(s.kv_heads) * d;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  for (int b = 0; b < s.batch; b++) {
    const Span span = SpanOf(b, starts, ends);
    const int64_t row = static_cast<int64_t>(b) * s.length;
    ZeroOutside(s.length, span, q_row, dq + row * q_row);
    ZeroOutside(s.length, span, k_row, dk + row * k_row);
    ZeroOutside(s.length, span, k_row, dv + row * k_row);
  }
  ParallelFor(s.batch * s.kv_heads, [&](int task) {
    const int b = task / s.kv_heads, kv = task % s.kv_heads;
    const Span span = SpanOf(b, starts, ends);
    const int n = span.n;
    if (n == 0) return;
    const int64_t first = static_cast<int64_t>(b) * s.length + span.start;
    const size_t rows_size = static_cast<size_t>(n) * d, block_size = static_cast<size_t>(kBlock) * n;
    std::vector<float> keys(rows_size), keys_t(rows_size), values_t(rows_size), queries(rows_size), d_queries(rows_size);
    std::vector<float> d_keys(rows_size), d_values(rows_size), weights(block_size), d_scores(block_size);
    RotateRows(n, d, k + first * k_row + kv * d, k_row, keys.data(), d, cos, sin, 1, 1);
    Transpose(n, d, keys.data(), d, keys_t.data());
    Transpose(n, d, v + first * k_row + kv * d, k_row, values_t.data());
    for (int head = kv * group; head < (kv + 1) * group; head++) {
      RotateRows(n, d, q + first * q_row + head * d, q_row, queries.data(), d, cos, sin, 1, scale);
      const float *sums = log_sums + (static_cast<int64_t>(b) * s.heads + head) * s.length + span.start;
      for (int i = 0; i < n; i += kBlock) {
        const int rows = std::min(kBlock, n - i), seen = i + rows;
        const float *block = queries.data() + static_cast<int64_t>(i) * d;
        const int64_t at = (first + i) * q_row + head * d;
        Gemm(rows, seen, d, block, d, 1, keys_t.data(), n, weights.data(), n, false);
        Gemm(rows, seen, d, d_out + at, q_row, 1, values_t.data(), n, d_scores.data(), n, false);
        for (int r = 0; r < rows; r++) {
          float *w = weights.data() + static_cast<int64_t>(r) * n, *g = d_scores.data() + static_cast<int64_t>(r) * n;
          const int visible = i + r + 1;
          const float delta = Dot(d_out + at + r * q_row, out + at + r * q_row, d), top = sums[i + r];
          for (int j = 0; j < visible; j++) w[j] = Exp(w[j] - top);
          for (int j = 0; j < visible; j++) g[j] = w[j] * (g[j] - delta);
          for (int j = visible; j < seen; j++) w[j] = g[j] = 0;
        }
        Gemm(rows, d, seen, d_scores.data(), n, 1, keys.data(), d, d_queries.data() + static_cast<int64_t>(i) * d, d, false);
        Gemm(seen, d, rows, d_scores.data(), 1, n, block, d, d_keys.data(), d, true);
        Gemm(seen, d, rows, weights.data(), 1, n, d_out + at, q_row, d_values.data(), d, true);
      }
      RotateRows(n, d, d_queries.data(), d, dq + first * q_row + head * d, q_row, cos, sin, -1, scale);
    }
    RotateRows(n, d, d_keys.data(), d, dk + first * k_row + kv * d, k_row, cos, sin, -1, 1);
    for (int t = 0; t < n; t++)
      std::memcpy(dv + (first + t) * k_row + kv * d, d_values.data() + static_cast<int64_t>(t) * d, sizeof(float) * d);
  });
}

void FillCache(const AttentionShape &s, const float *k, const float *v, const int32_t *starts, const int32_t *ends,
               const int32_t *targets, const float *cos, const float *sin, float *cache_k, float *cache_v,
               int capacity) {
  const int d = s.d;
  const int64_t k_row = static_cast<int64_t>(s.kv_heads) * d;
  for (int b = 0; b < s.batch; b++) {
    const Span span = SpanOf(b, starts, ends);
    for (int kv = 0; kv < s.kv_heads; kv++) {
      const int64_t from = (static_cast<int64_t>(b) * s.length + span.start) * k_row + kv * d;
      const int64_t to = (static_cast<int64_t>(targets[b]) * s.kv_heads + kv) * capacity * d;
      RotateRows(span.n, d, k + from, k_row, cache_k + to, d, cos, sin, 1, 1);
      for (int t = 0; t < span.n; t++) std::memcpy(cache_v + to + t * d, v + from + t * k_row, sizeof(float) * d);
    }
  }
}

void DecodeAttention(int rows, int heads, int kv_heads, int d, const float *q, const float *k, const float *v,
                     const int32_t *cache_rows, const int32_t *positions, const float *cos, const float *sin,
                     float *cache_k, float *cache_v, int capacity, float *out) {
  const int group = heads / kv_heads, half = d / 2;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  const auto work = [&](int task) {
    const int r = task / kv_heads, kv = task % kv_heads, n = positions[r] + 1;
    std::vector<float> turned(static_cast<size_t>(group) * d), scores(static_cast<size_t>(group) * n);
    const float *c = cos + static_cast<int64_t>(positions[r]) * half, *s = sin + static_cast<int64_t>(positions[r]) * half;
    const int64_t base = (static_cast<int64_t>(cache_rows[r]) * kv_heads + kv) * capacity * d;
    const int64_t own = base + static_cast<int64_t>(positions[r]) * d, from = (static_cast<int64_t>(r) * kv_heads + kv) * d;
    const int64_t at = (static_cast<int64_t>(r) * heads + kv * group) * d;
    RotateRow(k + from, cache_k + own, half, c, s, 1, 1);
    std::memcpy(cache_v + own, v + from, sizeof(float) * d);
    for (int g = 0; g < group; g++) RotateRow(q + at + g * d, turned.data() + g * d, half, c, s, 1, scale);
    int g = 0;
    const auto attend = [&](auto by, int count) {
      for (; g + count <= group; g += count)
        by(n, d, turned.data() + g * d, cache_k + base, cache_v + base, scores.data() + static_cast<int64_t>(g) * n,
           out + at + g * d);
    };
    attend(AttendHeads<3>, 3);
    attend(AttendHeads<2>, 2);
    attend(AttendHeads<1>, 1);
  };
  if (static_cast<int64_t>(rows) * heads * positions[0] < 4096) {
    for (int task = 0; task < rows * kv_heads; task++) work(task);
  } else {
    ParallelFor(rows * kv_heads, work);
  }
}

void CopyRows(int count, int64_t row_size, float *cache, const int32_t *from, const int32_t *to) {
  for (int i = 0; i < count; i++)
    std::memcpy(cache + to[i] * row_size, cache + from[i] * row_size, sizeof(float) * row_size);
}

bool CompressWeights(Storage storage, int n, int k, const float *values, void *to) {
  const int64_t row_bytes = storage == Storage::kBrain     ? int64_t{k} * 2
                            : storage == Storage::kAffine4 ? int64_t{k} / Affine4::kCount * sizeof(Affine4)
                                                           : int64_t{k} / Affine8::kCount * sizeof(Affine8);
  // most weights that do not fit do not from the first row on
  std::atomic<bool> fits{true};
  const auto row = [&](int i) {
    if (!fits) return;
    const float *from = values + static_cast<int64_t>(i) * k;
    void *own = static_cast<char *>(to) + i * row_bytes;
    const bool done = storage == Storage::kBrain     ? CompressHeads(from, k, own)
                      : storage == Storage::kAffine4 ? CompressBlocks<Affine4>(from, k, own)
                                                     : CompressBlocks<Affine8>(from, k, own);
    if (!done) fits = false;
  };
  if (n > 0) row(0);
  if (fits) ParallelFor(n, row);
  return fits;
}

void SkinnyMatMul(int m, int n, int k, const float *x, const Weights &w, float *y) {
  const int columns = PaddedRows(m);
  if (columns == 1) {
    InShares(n, [&](int from, int to) { SkinnyRange(1, from, to, k, x, w, y + from); });
    return;
  }
  std::vector<float> turned(static_cast<size_t>(k) * columns);
  ToColumns(m, k, columns, x, turned.data());
  InShares(n, [&](int from, int to) {
    std::vector<float> part(static_cast<size_t>(kStreams) * columns);
    for (int o = from; o < to; o += kStreams) {
      const int rows = std::min(kStreams, to - o);
      SkinnyRange(columns, o, o + rows, k, turned.data(), w, part.data());
      for (int i = 0; i < m; i++)
        for (int r = 0; r < rows; r++) y[static_cast<int64_t>(i) * n + o + r] = part[r * columns + i];
    }
  });
}

namespace {

/** A linear layer of few rows at work: what its low-rank addition makes of the input is computed before the rest. */
class SkinnyLinear {
 public:
  /** x [in, columns]. */
  SkinnyLinear(const DecodeLinear &linear, float scale, int columns, int k, const float *x)
      : linear_(linear), columns_(columns), k_(k), x_(x) {
    if (linear.rank == 0) return;
    reduced_.resize(static_cast<size_t>(linear.rank) * columns);
    SkinnyColumns(columns, linear.rank, k, x, linear.a, reduced_.data());
    for (float &z : reduced_) z *= scale;
  }
  /** y [to − from, columns], without bias. */
  void Rows(int from, int to, float *y) const {
    SkinnyRange(columns_, from, to, k_, x_, linear_.w, y);
    if (linear_.rank == 0) return;
    float more[kStreams * 32];
    for (int o = from; o < to; o += kStreams, y += kStreams * columns_) {
      const int rows = std::min(kStreams, to - o);
      SkinnyColumns(columns_, rows, linear_.rank, reduced_.data(),
                           linear_.b + static_cast<int64_t>(o) * linear_.rank, more);
      for (int i = 0; i < rows * columns_; i++) y[i] += more[i];
    }
  }

 private:
  const DecodeLinear &linear_;
  const int columns_, k_;
  const float *x_;
  std::vector<float> reduced_;
};

}  // namespace

void DecodeLayer(const DecodeLayerWeights &layer, const DecodeLayerState &state, int m, const float *x, float *out) {
  const int columns = PaddedRows(m), D = layer.hidden, F = layer.inner, d = state.d;
  const int Q = state.heads * d, K = state.kv_heads * d;
  std::vector<float> normed(static_cast<size_t>(m) * std::max(D, Q)), inverse(m), in(static_cast<size_t>(std::max(D, Q)) * columns);
  std::vector<float> turned(static_cast<size_t>(std::max({Q + 2 * K, D, F})) * columns), qkv(static_cast<size_t>(m) * (Q + 2 * K));
  std::vector<float> sum(static_cast<size_t>(D) * columns), gates(static_cast<size_t>(F) * columns);
  float *q = qkv.data(), *k = q + static_cast<int64_t>(m) * Q, *v = k + static_cast<int64_t>(m) * K;
  const auto linear = [&](const DecodeLinear &of, int size, const float *input) {
    return SkinnyLinear(of, layer.scale, columns, size, input);
  };

  RmsNorm(m, D, x, layer.input_norm, layer.epsilon, normed.data(), inverse.data());
  ToColumns(m, D, columns, normed.data(), in.data());
  const struct {
    SkinnyLinear linear;
    const float *bias;
    float *to;
    int size, start;
  } parts[3] = {{linear(layer.q, D, in.data()), layer.q.bias, q, Q, 0},
                {linear(layer.k, D, in.data()), layer.k.bias, k, K, Q},
                {linear(layer.v, D, in.data()), layer.v.bias, v, K, Q + K}};
  InShares(Q + 2 * K, [&](int from, int to) {
    for (const auto &part : parts) {
      const int first = std::max(from, part.start), last = std::min(to, part.start + part.size);
      if (first < last)
        part.linear.Rows(first - part.start, last - part.start, turned.data() + static_cast<int64_t>(first) * columns);
    }
  });
  for (const auto &part : parts) {
    FromColumns(m, part.size, columns, turned.data() + static_cast<int64_t>(part.start) * columns, part.to);
    if (part.bias)
      for (int i = 0; i < m; i++)
        for (int o = 0; o < part.size; o++) part.to[static_cast<int64_t>(i) * part.size + o] += part.bias[o];
  }
  float *mixed = normed.data();
  DecodeAttention(m, state.heads, state.kv_heads, d, q, k, v, state.cache_rows, state.positions, state.cos, state.sin,
                  state.cache_k, state.cache_v, state.capacity, mixed);
  ToColumns(m, Q, columns, mixed, in.data());
  const SkinnyLinear o = linear(layer.o, Q, in.data());
  InShares(D, [&](int from, int to) { o.Rows(from, to, sum.data() + static_cast<int64_t>(from) * columns); });
  FromColumns(m, D, columns, sum.data(), out);
  for (int64_t i = 0; i < static_cast<int64_t>(m) * D; i++) out[i] += x[i];

  RmsNorm(m, D, out, layer.inner_norm, layer.epsilon, normed.data(), inverse.data());
  ToColumns(m, D, columns, normed.data(), in.data());
  const SkinnyLinear gate = linear(layer.gate, D, in.data()), up = linear(layer.up, D, in.data());
  InShares(F, [&](int from, int to) {
    const int64_t at = static_cast<int64_t>(from) * columns, n = static_cast<int64_t>(to - from) * columns;
    gate.Rows(from, to, gates.data() + at);
    up.Rows(from, to, turned.data() + at);
    SwiGlu(n, gates.data() + at, turned.data() + at, gates.data() + at);
  });
  const SkinnyLinear down = linear(layer.down, F, gates.data());
  InShares(D, [&](int from, int to) { down.Rows(from, to, sum.data() + static_cast<int64_t>(from) * columns); });
  for (int i = 0; i < m; i++)
    for (int o = 0; o < D; o++) out[static_cast<int64_t>(i) * D + o] += sum[static_cast<int64_t>(o) * columns + i];
}

void PickLogProbs(int n, int size, float *logits, const int32_t *targets, bool gradient, float *log_probs) {
  ParallelFor(n, [&](int row) {
    float *x = logits + static_cast<int64_t>(row) * size;
    const float picked = x[targets[row]], top = MaxOf(x, size), sum = ExpInPlace(x, size, top);
    log_probs[row] = picked - top - std::log(sum);
    if (!gradient) return;
    const float by = -1.0f / sum;
    for (int i = 0; i < size; i++) x[i] *= by;
    x[targets[row]] += 1.0f;
  });
}

void SampleRows(int rows, int size, const float *logits, const float *draws, float temperature, float *tokens,
                float *log_probs) {
  ParallelFor(rows, [&](int row) {
    constexpr int kRun = 512;
    const float *x = logits + static_cast<int64_t>(row) * size;
    const float top = MaxOf(x, size);
    std::vector<float> weights(x, x + size);
    std::vector<double> totals;
    const auto add_up = [&] {
      double total = 0;
      totals.clear();
      for (int at = 0; at < size; at += kRun) {
        float sum = 0;
        for (int i = at; i < std::min(size, at + kRun); i++) sum += weights[i];
        totals.push_back(total += sum);
      }
      return total;
    };
    ExpInPlace(weights.data(), size, top);
    double total = add_up();
    const float log_sum = static_cast<float>(std::log(total));
    if (temperature != 1) {
      for (int i = 0; i < size; i++) weights[i] = Exp((x[i] - top) / temperature);
      total = add_up();
    }
    const double target = draws[row] * total;
    const auto run = std::upper_bound(totals.begin(), totals.end(), target) - totals.begin();
    const int start = std::min<int>(run, totals.size() - 1) * kRun, end = std::min(size, start + kRun);
    double reached = start == 0 ? 0 : totals[start / kRun - 1];
    int token = -1;
    for (int i = start; i < end; i++) {
      if (weights[i] <= 0) continue;
      reached += weights[i];
      token = i;
      if (reached > target) break;
    }
    if (token < 0) token = static_cast<int>(std::max_element(x, x + size) - x);
    tokens[row] = static_cast<float>(token);
    log_probs[row] = x[token] - top - log_sum;
  });
}

namespace {

/** Rows of tokens, and columns, that one task of a low-rank product takes. */
constexpr int kTokenRows = 24, kOuterRows = 48, kColumnShare = 96;
/** Factors of at most this rank at once: what `SkinnyColumns` takes. */
constexpr int kRankShare = 32;

/** scale·x [rows, k] · factor → [rows, rank], `factor` [k, PaddedRank] as `SkinnyColumns` wants it. */
void ThinProduct(int rows, int k, int rank, int padded, const float *x, const float *factor, float *to, int64_t to_row) {
  float block[kStreams * kRankShare];
  for (int row = 0; row < rows; row += kStreams) {
    const int count = std::min(kStreams, rows - row);
    SkinnyColumns(padded, count, k, factor, x + static_cast<int64_t>(row) * k, block);
    for (int r = 0; r < count; r++) std::memcpy(to + (row + r) * to_row, block + r * padded, sizeof(float) * rank);
  }
}

int PaddedRank(int rank) { return PaddedRows(std::max(2, rank)); }

}  // namespace

void LowRankDown(int m, int k, int rank, float scale, const float *x, const float *down, bool turned, float *z) {
  std::vector<float> factor;
  for (int from = 0; from < rank; from += kRankShare) {
    const int count = std::min(kRankShare, rank - from), padded = PaddedRank(count);
    factor.assign(static_cast<size_t>(k) * padded, 0);
    for (int p = 0; p < k; p++)
      for (int r = 0; r < count; r++)
        factor[static_cast<size_t>(p) * padded + r] =
            scale * (turned ? down[static_cast<int64_t>(from + r) * k + p] : down[static_cast<int64_t>(p) * rank + from + r]);
    ParallelFor((m + kTokenRows - 1) / kTokenRows, [&](int task) {
      const int64_t first = static_cast<int64_t>(task) * kTokenRows;
      ThinProduct(std::min<int64_t>(kTokenRows, m - first), k, count, padded, x + first * k, factor.data(),
                  z + first * rank + from, rank);
    });
  }
}

void LowRankUp(int m, int n, int rank, const float *z, const float *up, bool turned, float *y) {
  std::vector<float> rows;
  if (turned) {
    rows.resize(static_cast<size_t>(rank) * n);
    Transpose(n, rank, up, rank, rows.data());
    up = rows.data();
  }
  ParallelFor((m + kTokenRows - 1) / kTokenRows, [&](int task) {
    const int64_t first = static_cast<int64_t>(task) * kTokenRows;
    Gemm(std::min<int64_t>(kTokenRows, m - first), n, rank, z + first * rank, rank, 1, up, n, y + first * n, n, true);
  });
}

void LowRankOuter(int m, const OuterProduct *products, int count) {
  struct Task {
    const OuterProduct *product;
    int from, columns;
  };
  std::vector<Task> tasks;
  for (int i = 0; i < count; i++)
    for (int from = 0; from < products[i].n; from += kColumnShare)
      tasks.push_back({products + i, from, std::min(kColumnShare, products[i].n - from)});
  ParallelFor(static_cast<int>(tasks.size()), [&](int index) {
    const auto [product, from, columns] = tasks[index];
    const OuterProduct &p = *product;
    const int rank = p.rank;
    const bool across = rank % (2 * kLanes) == 0;
    const float *x = p.x + from;
    float *to = p.turned ? p.to + static_cast<int64_t>(from) * rank : p.to + from;
    std::vector<float> block(across == p.turned ? 0 : static_cast<size_t>(rank) * columns);
    if (across) {
      // rows of z are vectors as they lie
      float *sums = p.turned ? to : block.data();
      Gemm(columns, rank, m, x, 1, p.n, p.z, rank, sums, rank, false);
      if (p.turned) return;
      for (int r = 0; r < rank; r++)
        for (int j = 0; j < columns; j++) to[static_cast<int64_t>(r) * p.n + j] = sums[j * rank + r];
      return;
    }
    float *sums = p.turned ? block.data() : to;
    const int64_t row = p.turned ? columns : p.n;
    for (int at = 0; at < m; at += kOuterRows)
      Gemm(rank, columns, std::min(kOuterRows, m - at), p.z + static_cast<int64_t>(at) * rank, 1, rank,
           x + static_cast<int64_t>(at) * p.n, p.n, sums, row, at > 0);
    if (!p.turned) return;
    for (int j = 0; j < columns; j++)
      for (int r = 0; r < rank; r++) to[static_cast<int64_t>(j) * rank + r] = sums[r * row + j];
  });
}

void AdamW(const AdamWStep &step, int64_t n, const float *value, const float *gradient, float *first, float *second,
           float *new_value) {
  const AdamWStep s = step;
  for (int64_t i = 0; i < n; i++) {
    const float g = gradient[i] * s.scale;
    const float m = first[i] * s.beta1 + g * (1 - s.beta1), v = second[i] * s.beta2 + g * g * (1 - s.beta2);
    first[i] = m;
    second[i] = v;
    new_value[i] = value[i] * s.keep - s.rate * m / (std::sqrt(v) + s.epsilon);
  }
}

double SumOfSquares(int64_t n, const float *x) {
  constexpr int64_t kRun = 1 << 14;
  const int runs = static_cast<int>((n + kRun - 1) / kRun);
  std::vector<double> parts(runs);
  ParallelFor(runs, [&](int run) {
    double sum = 0;
    for (int64_t i = run * kRun; i < std::min(n, (run + 1) * kRun); i++) sum += static_cast<double>(x[i]) * x[i];
    parts[run] = sum;
  });
  double total = 0;
  for (double part : parts) total += part;
  return total;
}

}  // namespace srcode
