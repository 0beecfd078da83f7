// Float32 products on the matrix unit (AMX) of processors that have one. It multiplies numbers of 16 bits and adds in
// float32, so each float32 number is written as a sum of such numbers, and the partial products that matter are added
// (the idea of Henry, Tang & Heinecke 2019). Two ways, by what the processor has:
//
// - float16 (AMX-FP16): x·2^s = x1 + x2 with 11 significant bits each, s such that the largest number of a line is near
//   2^15. What x1 + x2 leaves out is at most 2^−23 |x|, or 2^−40 of the line's largest. x·y = x1y1 + x1y2 + x2y1 to
//   2^−21 of the product at worst, 2^−24 on average. Three products.
// - bfloat16: x = x1 + x2 + x3, exactly, with 8 significant bits each. x·y = x1y1 + x1y2 + x2y1 + x1y3 + x2y2 + x3y1 to
//   2^−22 at worst, 2^−24 on average. Six products.
//
// Float32's own products are off by 2^−24 at worst and its sums add more; on a unit that is more than sixteen times
// faster even six products leave a gain. A line is a row of the left side or a column of the right one, as far as one
// packing reaches. Infinities come out as NaN.
#include "kernels.h"

#if defined(__AMX_BF16__) && defined(__AMX_TILE__) && defined(__AVX512F__) && defined(__linux__)
#define SRCODE_TILES
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace srcode {

#ifndef SRCODE_TILES

bool HasTiles() { return false; }
void TileMatMul(int, int, int, const float *, bool, const float *, bool, float *) {}

#else

namespace {

/** A tile is 16 rows of 16 pairs of numbers of 16 bits: 1 KiB. The parts of a number lie in as many tiles. */
constexpr int kSide = 16, kDepth = 32;
constexpr int kTile = kSide * kSide;
typedef uint32_t Pair;

struct __attribute__((packed)) Configuration {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t column_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/** Memory on a cache line, kept by its thread from call to call. */
class Buffer {
 public:
  Pair *Get(size_t count) {
    if (count > size_) {
      std::free(data_);
      data_ = static_cast<Pair *>(std::aligned_alloc(64, count * sizeof(Pair)));
      size_ = count;
    }
    return data_;
  }

 private:
  Pair *data_ = nullptr;
  size_t size_ = 0;
};

inline __mmask16 Mask(int count) { return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (1u << count) - 1; }

/** x = x1 + x2 + x3 in bfloat16. */
struct Brain {
  static constexpr int kParts = 3;
  static constexpr bool kScales = false;

  /** Takes the leading part off x: its bits in the upper half, the rest, exactly, left in x. */
  static __m512i Take(__m512 *x) {
    const __m512i head = _mm512_and_si512(_mm512_castps_si512(*x), _mm512_set1_epi32(0xFFFF0000));
    *x = _mm512_sub_ps(*x, _mm512_castsi512_ps(head));
    return head;
  }
  /** Sixteen pairs of 32 numbers that follow one another. */
  static void Row(__m512 first, __m512 second, Pair *const *to, int at) {
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
    for (int part = 0; part < kParts; part++) {
      const __m512i a = Take(&first), b = Take(&second);
      const __m512i low = _mm512_permutex2var_epi32(a, evens, b), high = _mm512_permutex2var_epi32(a, odds, b);
      _mm512_store_si512(to[part] + at, _mm512_or_si512(_mm512_srli_epi32(low, 16), high));
    }
  }
  /** Sixteen pairs of one number of `first` and one of `second`. */
  static void Zip(__m512 first, __m512 second, Pair *const *to, int at) {
    for (int part = 0; part < kParts; part++) {
      const __m512i low = Take(&first), high = Take(&second);
      _mm512_store_si512(to[part] + at, _mm512_or_si512(_mm512_srli_epi32(low, 16), high));
    }
  }
};

/** x = x1 + x2 in float16; x is scaled already. */
struct Half {
  static constexpr int kParts = 2;
  static constexpr bool kScales = true;

  static __m256i Take(__m512 *x) {
    const __m256i head = _mm512_cvtps_ph(*x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    *x = _mm512_sub_ps(*x, _mm512_cvtph_ps(head));
    return head;
  }
  static void Row(__m512 first, __m512 second, Pair *const *to, int at) {
    for (int part = 0; part < kParts; part++) {
      _mm256_store_si256(reinterpret_cast<__m256i *>(to[part] + at), Take(&first));
      _mm256_store_si256(reinterpret_cast<__m256i *>(to[part] + at + kSide / 2), Take(&second));
    }
  }
  static void Zip(__m512 first, __m512 second, Pair *const *to, int at) {
    for (int part = 0; part < kParts; part++) {
      const __m512i low = _mm512_cvtepu16_epi32(Take(&first)), high = _mm512_cvtepu16_epi32(Take(&second));
      _mm512_store_si512(to[part] + at, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
};

/** Turns [16][16] pairs: neighbours in fours of fours, then whole quarters of registers. */
inline void Turn(const Pair *from, Pair *to) {
  __m512i t[kSide], u[kSide];
  for (int i = 0; i < kSide; i += 2) {
    const __m512i a = _mm512_load_si512(from + i * kSide), b = _mm512_load_si512(from + (i + 1) * kSide);
    t[i] = _mm512_unpacklo_epi32(a, b);
    t[i + 1] = _mm512_unpackhi_epi32(a, b);
  }
  for (int i = 0; i < kSide; i += 4) {
    u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; j++) {
    const __m512i even0 = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x88), even1 = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x88);
    const __m512i odd0 = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xdd), odd1 = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xdd);
    _mm512_store_si512(to + j * kSide, _mm512_shuffle_i32x4(even0, even1, 0x88));
    _mm512_store_si512(to + (4 + j) * kSide, _mm512_shuffle_i32x4(odd0, odd1, 0x88));
    _mm512_store_si512(to + (8 + j) * kSide, _mm512_shuffle_i32x4(even0, even1, 0xdd));
    _mm512_store_si512(to + (12 + j) * kSide, _mm512_shuffle_i32x4(odd0, odd1, 0xdd));
  }
}

/** Sixteen lines of one side of a product: x(line, p) = x[line·line_stride + p·depth_stride], one stride being 1. */
struct Lines {
  const float *x;
  int64_t line_stride, depth_stride;
  /** How many are there: those beyond are zero. */
  int count, depth;

  bool ByLines() const { return depth_stride == 1; }
  __m512 Along(int line, int p) const {
    return _mm512_maskz_loadu_ps(line < count ? Mask(depth - p) : 0, x + line * line_stride + p);
  }
  __m512 Across(int p) const { return _mm512_maskz_loadu_ps(p < depth ? Mask(count) : 0, x + p * depth_stride); }

  /** The power of two of each line by which its largest number comes into [2^14, 2^15). */
  __m512 Powers() const {
    __m512 top = _mm512_setzero_ps();
    if (ByLines()) {
      alignas(64) float tops[kSide] = {};
      for (int line = 0; line < std::min(count, kSide); line++) {
        __m512 most = _mm512_setzero_ps();
        for (int p = 0; p < depth; p += 16) most = _mm512_max_ps(_mm512_abs_ps(Along(line, p)), most);
        tops[line] = _mm512_reduce_max_ps(most);
      }
      top = _mm512_load_ps(tops);
    } else {
      for (int p = 0; p < depth; p++) top = _mm512_max_ps(_mm512_abs_ps(Across(p)), top);
    }
    // 2^127 at most: what is smaller than that brings near 2^15 is beyond float32's normal numbers
    const __m512 power = _mm512_sub_ps(_mm512_set1_ps(14), _mm512_getexp_ps(top));
    return _mm512_min_ps(_mm512_max_ps(power, _mm512_set1_ps(-126)), _mm512_set1_ps(127));
  }
};

/** Packs 32 numbers of each line from `p` on into a tile per part: with `pairs_first` [pair][line], else [line][pair]. */
template <typename Format>
inline void PackTile(const Lines &lines, const float *scales, int p, bool pairs_first, Pair *to) {
  constexpr int kParts = Format::kParts;
  alignas(64) Pair turned[kParts][kTile];
  const bool by_lines = lines.ByLines(), turn = by_lines == pairs_first;
  Pair *parts[kParts];
  for (int part = 0; part < kParts; part++) parts[part] = turn ? turned[part] : to + part * kTile;
  for (int i = 0; i < kSide; i++) {
    __m512 first = by_lines ? lines.Along(i, p) : lines.Across(p + 2 * i);
    __m512 second = by_lines ? lines.Along(i, p + 16) : lines.Across(p + 2 * i + 1);
    if (Format::kScales) {
      const __m512 scale = by_lines ? _mm512_set1_ps(scales[i]) : _mm512_load_ps(scales);
      first = _mm512_mul_ps(first, scale);
      second = _mm512_mul_ps(second, scale);
    }
    if (by_lines) {
      Format::Row(first, second, parts, i * kSide);
    } else {
      Format::Zip(first, second, parts, i * kSide);
    }
  }
  if (turn)
    for (int part = 0; part < kParts; part++) Turn(turned[part], to + part * kTile);
}

/**
 * Packs `count` lines in blocks of 16, an even number of them, all of `depth`: [block][step][part] tiles. `powers` gets
 * the powers of two that lines were multiplied by.
 */
template <typename Format>
void PackLines(const float *x, int64_t line_stride, int64_t depth_stride, int count, int depth, bool pairs_first, Pair *to,
               float *powers) {
  const int steps = (depth + kDepth - 1) / kDepth, blocks = (count + 2 * kSide - 1) / (2 * kSide) * 2;
  for (int block = 0; block < blocks; block++) {
    const int line = block * kSide;
    const Lines lines{x + line * line_stride, line_stride, depth_stride, count - line, depth};
    alignas(64) float scales[kSide];
    if (Format::kScales) {
      const __m512 power = lines.Powers();
      _mm512_storeu_ps(powers + line, power);
      _mm512_store_ps(scales, _mm512_scalef_ps(_mm512_set1_ps(1), power));
    }
    for (int step = 0; step < steps; step++, to += Format::kParts * kTile)
      PackTile<Format>(lines, scales, step * kDepth, pairs_first, to);
  }
}

// macros, since tiles are named by constants: 0 to 3 are c[2][2]; 4, 5 rows of the left side; 6, 7 columns of the right
#define SRCODE_LEFT(part)                  \
  _tile_loadd(4, a0 + (part) * kTile, 64); \
  _tile_loadd(5, a1 + (part) * kTile, 64);
#define SRCODE_RIGHT(part)                 \
  _tile_loadd(6, b0 + (part) * kTile, 64); \
  _tile_loadd(7, b1 + (part) * kTile, 64);
#define SRCODE_PRODUCT(dot) \
  dot(0, 4, 6);             \
  dot(1, 4, 7);             \
  dot(2, 5, 6);             \
  dot(3, 5, 7);
// TDPFP16PS by its bytes: compilers and assemblers of 2022 do not know it
#define SRCODE_DOT_HALF(c, a, b) \
  __asm__ volatile(".byte 0xc4, 0xe2, %c0, 0x5c, %c1" ::"i"(((~(b)&15) << 3) | 3), "i"(0xc0 | ((c) << 3) | (a)))

/** The smallest products first; of two neighbours one side stays loaded. */
template <typename Format>
inline void Multiply(int steps, const Pair *a0, const Pair *a1, const Pair *b0, const Pair *b1);

template <>
inline void Multiply<Brain>(int steps, const Pair *a0, const Pair *a1, const Pair *b0, const Pair *b1) {
  constexpr int kStep = Brain::kParts * kTile;
  for (int step = 0; step < steps; step++, a0 += kStep, a1 += kStep, b0 += kStep, b1 += kStep) {
    SRCODE_LEFT(2) SRCODE_RIGHT(0) SRCODE_PRODUCT(_tile_dpbf16ps)
    SRCODE_LEFT(1) SRCODE_PRODUCT(_tile_dpbf16ps)
    SRCODE_RIGHT(1) SRCODE_PRODUCT(_tile_dpbf16ps)
    SRCODE_LEFT(0) SRCODE_PRODUCT(_tile_dpbf16ps)
    SRCODE_RIGHT(2) SRCODE_PRODUCT(_tile_dpbf16ps)
    SRCODE_RIGHT(0) SRCODE_PRODUCT(_tile_dpbf16ps)
  }
}

template <>
inline void Multiply<Half>(int steps, const Pair *a0, const Pair *a1, const Pair *b0, const Pair *b1) {
  constexpr int kStep = Half::kParts * kTile;
  for (int step = 0; step < steps; step++, a0 += kStep, a1 += kStep, b0 += kStep, b1 += kStep) {
    SRCODE_LEFT(1) SRCODE_RIGHT(0) SRCODE_PRODUCT(SRCODE_DOT_HALF)
    SRCODE_LEFT(0) SRCODE_PRODUCT(SRCODE_DOT_HALF)
    SRCODE_RIGHT(1) SRCODE_PRODUCT(SRCODE_DOT_HALF)
  }
}

/** A 32 × 32 block of c, which may stick out over its end. */
template <typename Format>
void MultiplyBlock(int steps, const Pair *a0, const Pair *a1, const Pair *b0, const Pair *b1, const float *a_powers,
                   const float *b_powers, int rows, int columns, bool accumulate, float *c, int64_t c_row) {
  alignas(64) float scratch[2 * kSide][2 * kSide];
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  Multiply<Format>(steps, a0, a1, b0, b1);
  constexpr int kRow = 2 * kSide * sizeof(float);
  _tile_stored(0, scratch[0], kRow);
  _tile_stored(1, scratch[0] + kSide, kRow);
  _tile_stored(2, scratch[kSide], kRow);
  _tile_stored(3, scratch[kSide] + kSide, kRow);
  for (int half = 0; half < 2; half++) {
    const __mmask16 mask = Mask(columns - half * kSide);
    const __m512 powers = Format::kScales ? _mm512_loadu_ps(b_powers + half * kSide) : _mm512_setzero_ps();
    for (int i = 0; i < std::min(rows, 2 * kSide); i++) {
      float *to = c + i * c_row + half * kSide;
      __m512 value = _mm512_load_ps(scratch[i] + half * kSide);
      if (Format::kScales)
        value = _mm512_scalef_ps(value, _mm512_sub_ps(_mm512_set1_ps(-a_powers[i]), powers));
      if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
      _mm512_mask_storeu_ps(to, mask, value);
    }
  }
}

template <typename Format>
void Product(int m, int n, int k, const float *a, bool a_turned, const float *b, bool b_turned, float *c) {
  // strides of a(line, p) and b(column, p)
  const int64_t a_line = a_turned ? 1 : k, a_depth = a_turned ? m : 1;
  const int64_t b_line = b_turned ? k : 1, b_depth = b_turned ? 1 : n;
  // packed sides of at most these lines and depth stay in the second-level cache
  constexpr int kRowsAtOnce = 512, kColumnsAtOnce = 128, kDepthAtOnce = 576;
  static Buffer left;
  alignas(64) float a_powers[kRowsAtOnce];
  for (int depth = 0; depth < k; depth += kDepthAtOnce) {
    const int span = std::min(kDepthAtOnce, k - depth), steps = (span + kDepth - 1) / kDepth;
    const int64_t block_size = static_cast<int64_t>(steps) * Format::kParts * kTile;
    for (int row = 0; row < m; row += kRowsAtOnce) {
      const int rows = std::min(kRowsAtOnce, m - row), row_blocks = (rows + 2 * kSide - 1) / (2 * kSide);
      Pair *packed = left.Get(2 * row_blocks * block_size);
      ParallelFor(row_blocks, [&](int block) {
        const int line = block * 2 * kSide;
        PackLines<Format>(a + (row + line) * a_line + depth * a_depth, a_line, a_depth, std::min(2 * kSide, rows - line),
                          span, false, packed + 2 * block * block_size, a_powers + line);
      });
      ParallelFor((n + kColumnsAtOnce - 1) / kColumnsAtOnce, [&](int part) {
        thread_local Buffer right;
        alignas(64) float b_powers[kColumnsAtOnce];
        const int column = part * kColumnsAtOnce, columns = std::min(kColumnsAtOnce, n - column);
        const int column_blocks = (columns + 2 * kSide - 1) / (2 * kSide);
        Pair *own = right.Get(2 * column_blocks * block_size);
        PackLines<Format>(b + column * b_line + depth * b_depth, b_line, b_depth, columns, span, true, own, b_powers);
        const Configuration configuration;
        _tile_loadconfig(&configuration);
        for (int i = 0; i < row_blocks; i++) {
          const Pair *a0 = packed + 2 * i * block_size;
          for (int j = 0; j < column_blocks; j++) {
            const Pair *b0 = own + 2 * j * block_size;
            const int at = row + i * 2 * kSide, to = column + j * 2 * kSide;
            MultiplyBlock<Format>(steps, a0, a0 + block_size, b0, b0 + block_size, a_powers + i * 2 * kSide,
                                  b_powers + j * 2 * kSide, row + rows - at, n - to, depth > 0,
                                  c + static_cast<int64_t>(at) * n + to, n);
          }
        }
        _tile_release();
      });
    }
  }
}

/** AMX-FP16: bit 21 of EAX in leaf 7.1. */
bool HasHalf() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 21 & 1);
}

enum class Unit { kNone, kBrain, kHalf };

Unit FindUnit() {
  const char *wanted = std::getenv("SRCODE_AMX");
  if (wanted && std::strcmp(wanted, "0") == 0) return Unit::kNone;
  if (!__builtin_cpu_supports("avx512f")) return Unit::kNone;
  // the kernel gives a process the tiles' registers on request only
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0) return Unit::kNone;
  return HasHalf() && !(wanted && std::strcmp(wanted, "bf16") == 0) ? Unit::kHalf : Unit::kBrain;
}

Unit TheUnit() {
  static const Unit unit = FindUnit();
  return unit;
}

}  // namespace

bool HasTiles() { return TheUnit() != Unit::kNone; }

void TileMatMul(int m, int n, int k, const float *a, bool a_turned, const float *b, bool b_turned, float *c) {
  if (TheUnit() == Unit::kHalf) {
    Product<Half>(m, n, k, a, a_turned, b, b_turned, c);
  } else {
    Product<Brain>(m, n, k, a, a_turned, b, b_turned, c);
  }
}

#endif

}  // namespace srcode
