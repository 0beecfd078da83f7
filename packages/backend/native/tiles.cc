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
#include <vector>

#include "panels.h"

namespace srcode {

#ifndef SRCODE_TILES

bool HasTiles() { return HasPanels(); }
void TileProducts(const TileSide &shared, const TileSide *others, int count, int k, bool shared_is_left,
                  bool accumulate) {
  PanelProducts(shared, others, count, k, shared_is_left, accumulate);
}

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
  /** Asks for the same numbers of the sixteen lines after these. */
  void FetchAlong(int line, int p) const { _mm_prefetch(x + (line + kSide) * line_stride + p, _MM_HINT_T1); }
  void FetchAcross(int p) const { _mm_prefetch(x + p * depth_stride + kSide, _MM_HINT_T1); }
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
        for (int p = 0; p < depth; p += 16) {
          FetchAlong(line, p);
          most = _mm512_max_ps(_mm512_abs_ps(Along(line, p)), most);
        }
        tops[line] = _mm512_reduce_max_ps(most);
      }
      top = _mm512_load_ps(tops);
    } else {
      for (int p = 0; p < depth; p++) {
        FetchAcross(p);
        top = _mm512_max_ps(_mm512_abs_ps(Across(p)), top);
      }
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
  for (int i = 0; i < std::min(rows, 2 * kSide); i++)
    for (int half = 0; half < 2; half++) __builtin_prefetch(c + i * c_row + half * kSide, 1, 2);
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

/** How much of one side is packed at once, and of each of the others: both stay in the second-level cache. */
constexpr int kSharedAtOnce = 576, kOthersAtOnce = 128, kDepthAtOnce = 576;

/** A cut of `count` lines into even shares of at most `most`, each of whole blocks. */
int ShareOf(int count, int most, int atLeast = 1) {
  constexpr int kBlockLines = 2 * kSide;
  const int blocks = (count + kBlockLines - 1) / kBlockLines;
  const int shares = std::max(std::min(atLeast, blocks), (count + most - 1) / most);
  return (blocks + shares - 1) / shares * kBlockLines;
}

template <typename Format>
void Products(const TileSide &shared, const TileSide *others, int count, int k, bool shared_is_left, bool accumulate) {
  static Buffer packing;
  alignas(64) float shared_powers[kSharedAtOnce];
  struct Part {
    const TileSide *side;
    int from, lines;
  };
  std::vector<Part> parts;
  for (int i = 0; i < count; i++) {
    // for one side alone, as many parts as make the cores' shares alike
    const int share = ShareOf(others[i].lines, kOthersAtOnce, count == 1 ? 8 : 1);
    for (int from = 0; from < others[i].lines; from += share)
      parts.push_back({&others[i], from, std::min(share, others[i].lines - from)});
  }
  const int depth_share = ShareOf(k, kDepthAtOnce), shared_share = ShareOf(shared.lines, kSharedAtOnce);
  for (int depth = 0; depth < k; depth += depth_share) {
    const int span = std::min(depth_share, k - depth), steps = (span + kDepth - 1) / kDepth;
    const int64_t block_size = static_cast<int64_t>(steps) * Format::kParts * kTile;
    for (int first = 0; first < shared.lines; first += shared_share) {
      const int lines = std::min(shared_share, shared.lines - first), blocks = (lines + 2 * kSide - 1) / (2 * kSide);
      Pair *packed = packing.Get(2 * blocks * block_size);
      ParallelFor(blocks, [&](int block) {
        const int line = block * 2 * kSide;
        PackLines<Format>(shared.x + (first + line) * shared.line_stride + depth * shared.depth_stride,
                          shared.line_stride, shared.depth_stride, std::min(2 * kSide, lines - line), span,
                          !shared_is_left, packed + 2 * block * block_size, shared_powers + line);
      });
      ParallelFor(static_cast<int>(parts.size()), [&](int index) {
        thread_local Buffer other;
        alignas(64) float powers[kOthersAtOnce];
        const Part &part = parts[index];
        const TileSide &side = *part.side;
        const int part_blocks = (part.lines + 2 * kSide - 1) / (2 * kSide);
        Pair *own = other.Get(2 * part_blocks * block_size);
        PackLines<Format>(side.x + part.from * side.line_stride + depth * side.depth_stride, side.line_stride,
                          side.depth_stride, part.lines, span, shared_is_left, own, powers);
        const Configuration configuration;
        _tile_loadconfig(&configuration);
        for (int i = 0; i < blocks; i++) {
          for (int j = 0; j < part_blocks; j++) {
            const Pair *mine = packed + 2 * i * block_size, *its = own + 2 * j * block_size;
            const int at = i * 2 * kSide, to = j * 2 * kSide;
            if (shared_is_left) {
              MultiplyBlock<Format>(steps, mine, mine + block_size, its, its + block_size, shared_powers + at, powers + to,
                                    lines - at, part.lines - to, accumulate || depth > 0,
                                    side.c + (first + at) * side.c_row + part.from + to, side.c_row);
            } else {
              MultiplyBlock<Format>(steps, its, its + block_size, mine, mine + block_size, powers + to, shared_powers + at,
                                    part.lines - to, lines - at, accumulate || depth > 0,
                                    side.c + (part.from + to) * side.c_row + first + at, side.c_row);
            }
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

bool HasTiles() { return TheUnit() != Unit::kNone || HasPanels(); }

void TileProducts(const TileSide &shared, const TileSide *others, int count, int k, bool shared_is_left,
                  bool accumulate) {
  if (TheUnit() == Unit::kNone) return PanelProducts(shared, others, count, k, shared_is_left, accumulate);
  if (TheUnit() == Unit::kHalf) {
    Products<Half>(shared, others, count, k, shared_is_left, accumulate);
  } else {
    Products<Brain>(shared, others, count, k, shared_is_left, accumulate);
  }
  for (int i = 0; i < count; i++) {
    const TileSide &other = others[i];
    if (other.rank == 0) continue;
    LowRankUp(shared.lines, other.lines, other.rank, other.z, other.up, other.up_depth_stride == 1, other.c);
  }
}

#endif

}  // namespace srcode
