// Float32 products on the matrix unit (AMX) of processors that have one. It multiplies bfloat16 and adds in float32; a
// float32 number is exactly the sum of three bfloat16 numbers, x = x1 + x2 + x3 of 8 significant bits each, so that
// x·y = x1y1 + x1y2 + x2y1 + x1y3 + x2y2 + x3y1 to 2^-22 of the product at worst, 2^-24 on average: float32's own
// rounding (the same idea as in Henry, Tang & Heinecke 2019). Six products on a unit that is more than sixteen times
// faster leave more than twice the speed. Infinities come out as NaN.
#include "kernels.h"

#if defined(__AMX_BF16__) && defined(__AMX_TILE__) && defined(__AVX512F__) && defined(__linux__)
#define SRCODE_TILES
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

/** A tile is 16 rows of 16 pairs of bfloat16: 1 KiB. The three parts of a number lie in three tiles. */
constexpr int kSide = 16, kDepth = 32, kParts = 3;
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

/** Takes the leading bfloat16 off x: its bits in the upper half, the rest, exactly, left in x. */
inline __m512i TakePart(__m512 *x) {
  const __m512i head = _mm512_and_si512(_mm512_castps_si512(*x), _mm512_set1_epi32(0xFFFF0000));
  *x = _mm512_sub_ps(*x, _mm512_castsi512_ps(head));
  return head;
}

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

/**
 * Packs lines [0, lines) × depth [0, depth) of x into three tiles: with `pairs_first` [pair][line] as a right-hand tile
 * has it, else [line][pair]. x(line, p) = x[line·line_stride + p·depth_stride], one of the strides being 1.
 */
void PackTile(const float *x, int64_t line_stride, int64_t depth_stride, int lines, int depth, bool pairs_first, Pair *to) {
  alignas(64) Pair turned[kParts][kTile];
  const bool by_lines = depth_stride == 1;
  const bool turn = by_lines == pairs_first;
  Pair *parts[kParts];
  for (int part = 0; part < kParts; part++) parts[part] = turn ? turned[part] : to + part * kTile;
  if (by_lines) {
    // sixteen pairs of one line: the halves of 32 numbers that follow one another
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
    for (int line = 0; line < kSide; line++) {
      const bool there = line < lines;
      const float *from = x + line * line_stride;
      __m512 first = _mm512_maskz_loadu_ps(there ? Mask(depth) : 0, from);
      __m512 second = _mm512_maskz_loadu_ps(there ? Mask(depth - 16) : 0, from + 16);
      for (int part = 0; part < kParts; part++) {
        const __m512i a = TakePart(&first), b = TakePart(&second);
        const __m512i low = _mm512_permutex2var_epi32(a, evens, b), high = _mm512_permutex2var_epi32(a, odds, b);
        _mm512_store_si512(parts[part] + line * kSide, _mm512_or_si512(_mm512_srli_epi32(low, 16), high));
      }
    }
  } else {
    for (int pair = 0; pair < kSide; pair++) {
      const float *from = x + 2 * pair * depth_stride;
      __m512 first = _mm512_maskz_loadu_ps(2 * pair < depth ? Mask(lines) : 0, from);
      __m512 second = _mm512_maskz_loadu_ps(2 * pair + 1 < depth ? Mask(lines) : 0, from + depth_stride);
      for (int part = 0; part < kParts; part++) {
        const __m512i low = TakePart(&first), high = TakePart(&second);
        _mm512_store_si512(parts[part] + pair * kSide, _mm512_or_si512(_mm512_srli_epi32(low, 16), high));
      }
    }
  }
  if (turn)
    for (int part = 0; part < kParts; part++) Turn(turned[part], to + part * kTile);
}

/** Tiles 0 to 3: c[2][2]; 4, 5: rows of the left side; 6, 7: columns of the right side. */
inline void Multiply(int steps, const Pair *a0, const Pair *a1, const Pair *b0, const Pair *b1) {
// macros, since tiles are named by constants
#define SRCODE_LEFT(part)                    \
  _tile_loadd(4, a0 + (part) * kTile, 64);   \
  _tile_loadd(5, a1 + (part) * kTile, 64);
#define SRCODE_RIGHT(part)                   \
  _tile_loadd(6, b0 + (part) * kTile, 64);   \
  _tile_loadd(7, b1 + (part) * kTile, 64);
#define SRCODE_PRODUCT                       \
  _tile_dpbf16ps(0, 4, 6);                   \
  _tile_dpbf16ps(1, 4, 7);                   \
  _tile_dpbf16ps(2, 5, 6);                   \
  _tile_dpbf16ps(3, 5, 7);
  constexpr int kStep = kParts * kTile;
  for (int step = 0; step < steps; step++, a0 += kStep, a1 += kStep, b0 += kStep, b1 += kStep) {
    // the smallest products first; of two neighbours one side stays loaded
    SRCODE_LEFT(2) SRCODE_RIGHT(0) SRCODE_PRODUCT
    SRCODE_LEFT(1) SRCODE_PRODUCT
    SRCODE_RIGHT(1) SRCODE_PRODUCT
    SRCODE_LEFT(0) SRCODE_PRODUCT
    SRCODE_RIGHT(2) SRCODE_PRODUCT
    SRCODE_RIGHT(0) SRCODE_PRODUCT
  }
}

/** A 32 × 32 block of c that may stick out over its end: the four tiles go through `scratch` then. */
void MultiplyBlock(int steps, const Pair *a0, const Pair *a1, const Pair *b0, const Pair *b1, int rows, int columns,
                   bool accumulate, float *c, int64_t c_row) {
  alignas(64) float scratch[2 * kSide][2 * kSide];
  const bool whole = rows >= 2 * kSide && columns >= 2 * kSide;
  float *to = whole ? c : scratch[0];
  const int64_t stride = whole ? c_row : 2 * kSide;
  if (accumulate) {
    if (!whole) {
      for (int i = 0; i < 2 * kSide; i++)
        for (int j = 0; j < 2 * kSide; j++) scratch[i][j] = i < rows && j < columns ? c[i * c_row + j] : 0;
    }
    _tile_loadd(0, to, stride * 4);
    _tile_loadd(1, to + kSide, stride * 4);
    _tile_loadd(2, to + kSide * stride, stride * 4);
    _tile_loadd(3, to + kSide * stride + kSide, stride * 4);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  Multiply(steps, a0, a1, b0, b1);
  _tile_stored(0, to, stride * 4);
  _tile_stored(1, to + kSide, stride * 4);
  _tile_stored(2, to + kSide * stride, stride * 4);
  _tile_stored(3, to + kSide * stride + kSide, stride * 4);
  if (whole) return;
  for (int i = 0; i < std::min(rows, 2 * kSide); i++)
    std::memcpy(c + i * c_row, scratch[i], sizeof(float) * std::min(columns, 2 * kSide));
}

/** Packs `lines` lines from `first` on, in blocks of 16, all of `depth`: [block][step][part] tiles. */
void PackLines(const float *x, int64_t line_stride, int64_t depth_stride, int lines, int depth, bool pairs_first, Pair *to) {
  const int steps = (depth + kDepth - 1) / kDepth;
  // an even number of blocks: what lies beyond the last line is zero
  for (int line = 0; line < lines; line += 2 * kSide) {
    for (int half = 0; half < 2; half++) {
      const int from = line + half * kSide;
      for (int step = 0; step < steps; step++, to += kParts * kTile)
        PackTile(x + from * line_stride + step * kDepth * depth_stride, line_stride, depth_stride, lines - from,
                 depth - step * kDepth, pairs_first, to);
    }
  }
}

bool FindTiles() {
  const char *wanted = std::getenv("SRCODE_AMX");
  if (wanted && std::strcmp(wanted, "0") == 0) return false;
  if (!__builtin_cpu_supports("avx512f")) return false;
  // the kernel gives a process the tiles' registers on request only
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool HasTiles() {
  static const bool has = FindTiles();
  return has;
}

void TileMatMul(int m, int n, int k, const float *a, bool a_turned, const float *b, bool b_turned, float *c) {
  // strides of a(line, p) and b(column, p)
  const int64_t a_line = a_turned ? 1 : k, a_depth = a_turned ? m : 1;
  const int64_t b_line = b_turned ? k : 1, b_depth = b_turned ? 1 : n;
  // packed sides of at most these lines and depth stay in the second-level cache
  constexpr int kRowsAtOnce = 512, kColumnsAtOnce = 128, kDepthAtOnce = 576;
  static Buffer left;
  for (int depth = 0; depth < k; depth += kDepthAtOnce) {
    const int span = std::min(kDepthAtOnce, k - depth), steps = (span + kDepth - 1) / kDepth;
    const int64_t block_size = static_cast<int64_t>(steps) * kParts * kTile;
    for (int row = 0; row < m; row += kRowsAtOnce) {
      const int rows = std::min(kRowsAtOnce, m - row), row_blocks = (rows + 2 * kSide - 1) / (2 * kSide);
      Pair *packed = left.Get(2 * row_blocks * block_size);
      ParallelFor(row_blocks, [&](int block) {
        const int line = block * 2 * kSide;
        PackLines(a + (row + line) * a_line + depth * a_depth, a_line, a_depth, std::min(2 * kSide, rows - line), span,
                  false, packed + 2 * block * block_size);
      });
      ParallelFor((n + kColumnsAtOnce - 1) / kColumnsAtOnce, [&](int part) {
        thread_local Buffer right;
        const int column = part * kColumnsAtOnce, columns = std::min(kColumnsAtOnce, n - column);
        const int column_blocks = (columns + 2 * kSide - 1) / (2 * kSide);
        Pair *own = right.Get(2 * column_blocks * block_size);
        PackLines(b + column * b_line + depth * b_depth, b_line, b_depth, columns, span, true, own);
        const Configuration configuration;
        _tile_loadconfig(&configuration);
        for (int i = 0; i < row_blocks; i++) {
          const Pair *a0 = packed + 2 * i * block_size;
          for (int j = 0; j < column_blocks; j++) {
            const Pair *b0 = own + 2 * j * block_size;
            const int at = row + i * 2 * kSide, to = column + j * 2 * kSide;
            MultiplyBlock(steps, a0, a0 + block_size, b0, b0 + block_size, row + rows - at, n - to, depth > 0,
                          c + static_cast<int64_t>(at) * n + to, n);
          }
        }
        _tile_release();
      });
    }
  }
}

#endif

}  // namespace srcode
