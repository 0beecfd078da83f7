// Float32 products on the vector unit, for processors without a matrix unit: both sides are packed into panels, a block
// of c of some rows by two vectors stays in registers while the depth passes by (Goto & van de Geijn 2008).
#include "panels.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "kernels.h"
#include "vectors.h"

namespace srcode {

#ifndef __FMA__

bool HasPanels() { return false; }
void PanelProducts(const TileSide &, const TileSide *, int, int, bool, bool) {}

#else

namespace {

/** A block of c: rows of the left side by columns of the right one. With the columns' two vectors and a row's number
 * it fills the registers. */
constexpr int kLeft = kRegisters == 32 ? 12 : 6, kRight = 2 * kLanes;

/** How much is packed at once: a left panel of that depth stays in the first-level cache, an other side in the second. */
constexpr int kDepthAtOnce = 576, kSharedAtOnce = 768, kOthersAtOnce = 48;

/** Rows of memory that are fetched ahead while lines that lie side by side are packed, and floats of a cache line. */
constexpr int kAhead = 12, kCacheLine = 16;

/** Room behind a panel that packing may write over. */
constexpr int kSlack = 16;

/** Memory on a cache line, kept by its thread from call to call. */
class Buffer {
 public:
  float *Get(size_t count) {
    if (count > size_) {
      std::free(data_);
      size_ = (count + 15) / 16 * 16;
      data_ = static_cast<float *>(std::aligned_alloc(64, size_ * sizeof(float)));
    }
    return data_;
  }

 private:
  float *data_ = nullptr;
  size_t size_ = 0;
};

/** Eight rows of eight numbers become columns, `to_row` apart. */
inline void Turn(__m256 *rows, float *to, int to_row) {
  __m256 pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
    fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
  }
  // one after the other: a row may stick out into the next
  for (int i = 0; i < 4; i++) _mm256_storeu_ps(to + i * to_row, _mm256_permute2f128_ps(fours[i], fours[4 + i], 0x20));
  for (int i = 0; i < 4; i++)
    _mm256_storeu_ps(to + (4 + i) * to_row, _mm256_permute2f128_ps(fours[i], fours[4 + i], 0x31));
}

/** Packs a panel of kWidth lines, those from `count` on zero: to[p·kWidth + line]. Writes up to `kSlack` behind it. */
template <int kWidth>
void PackPanel(const float *x, int64_t line_stride, int64_t depth_stride, int count, int depth, float *to) {
  int p = 0;
  if (depth_stride == 1) {
    for (; p + 8 <= depth; p += 8) {
      // from the last group on: what a group writes too much, the groups before and the next step write over
      for (int group = (kWidth - 1) / 8 * 8; group >= 0; group -= 8) {
        __m256 rows[8];
        for (int i = 0; i < 8; i++) {
          const bool there = group + i < count && group + i < kWidth;
          rows[i] = there ? _mm256_loadu_ps(x + (group + i) * line_stride + p) : _mm256_setzero_ps();
        }
        Turn(rows, to + p * kWidth + group, kWidth);
      }
    }
  }
  for (; p < depth; p++)
    for (int i = 0; i < kWidth; i++) to[p * kWidth + i] = i < count ? x[i * line_stride + p * depth_stride] : 0;
}

int Panels(int lines, int width) { return (lines + width - 1) / width; }

/** Packs lines into panels of kWidth, `panel_size` apart. */
template <int kWidth>
void PackPanels(const TileSide &side, int from, int lines, int depth, int span, float *to, int64_t panel_size) {
  const float *x = side.x + from * side.line_stride + depth * side.depth_stride;
  int line = 0;
  if (side.depth_stride != 1) {
    // lines lie side by side: all panels at once, in the order of memory
    const int whole = lines / kWidth * kWidth;
    for (int p = 0; p < span; p++) {
      const float *row = x + p * side.depth_stride, *ahead = row + kAhead * side.depth_stride;
      float *at = to + p * kWidth;
      for (int next = 0; next < lines; next += kCacheLine) __builtin_prefetch(ahead + next);
      for (line = 0; line < whole; line += kWidth, at += panel_size)
        __builtin_memcpy(at, row + line, kWidth * sizeof(float));
    }
    line = whole;
  }
  for (; line < lines; line += kWidth)
    PackPanel<kWidth>(x + line * side.line_stride, side.line_stride, side.depth_stride, lines - line, span,
                      to + line / kWidth * panel_size);
}

/** A pair of panels over some depth. */
struct Pair {
  int span;
  const float *left, *right;
};

typedef Register Sums[kLeft][2];

inline __attribute__((always_inline)) void AddProducts(const Pair &pair, Sums &sums) {
  const float *left = pair.left, *right = pair.right;
  for (int p = 0; p < pair.span; p++, left += kLeft, right += kRight) {
    const Register b0 = Load(right), b1 = Load(right + kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < kLeft; i++) {
      const Register a = Spread<Register>(left[i]);
      sums[i][0] = MulAdd(a, b0, sums[i][0]);
      sums[i][1] = MulAdd(a, b1, sums[i][1]);
    }
  }
}

/** c [kLeft, kRight] (+)= left panel · right panel, and of a second pair; beyond `rows` and `columns` nothing is written. */
void Block(const Pair &pair, const Pair &more, int rows, int columns, bool accumulate, float *c, int64_t c_row) {
  Sums sums = {};
  for (int i = 0; i < std::min(rows, kLeft); i++) {
    __builtin_prefetch(c + i * c_row, 1, 3);
    __builtin_prefetch(c + i * c_row + kRight - 1, 1, 3);
  }
  AddProducts(pair, sums);
  if (more.span > 0) AddProducts(more, sums);
  if (rows >= kLeft && columns >= kRight) {
#pragma GCC unroll 12
    for (int i = 0; i < kLeft; i++) {
      float *to = c + i * c_row;
      Store(to, accumulate ? Load(to) + sums[i][0] : sums[i][0]);
      Store(to + kLanes, accumulate ? Load(to + kLanes) + sums[i][1] : sums[i][1]);
    }
    return;
  }
  // by constants: an array of sums that a variable points into is kept in memory
  float block[kLeft][kRight];
#pragma GCC unroll 12
  for (int i = 0; i < kLeft; i++) {
    Store(block[i], sums[i][0]);
    Store(block[i] + kLanes, sums[i][1]);
  }
  for (int i = 0; i < std::min(rows, kLeft); i++)
    for (int j = 0; j < std::min(columns, kRight); j++)
      c[i * c_row + j] = accumulate ? c[i * c_row + j] + block[i][j] : block[i][j];
}

/** Floats of a packed left panel of low rank. */
int64_t MoreRoom(int rank) { return static_cast<int64_t>(kLeft) * rank + kSlack; }

/** A cut of `count` lines into even shares of at most `most`, each of whole panels. */
int ShareOf(int count, int most, int width, int at_least = 1) {
  const int panels = Panels(count, width);
  const int shares = std::max(std::min(at_least, panels), (count + most - 1) / most);
  return (panels + shares - 1) / shares * width;
}

}  // namespace

bool HasPanels() { return true; }

void PanelProducts(const TileSide &shared, const TileSide *others, int count, int k, bool shared_is_left,
                   bool accumulate) {
  static Buffer packing, more_packing;
  const int shared_width = shared_is_left ? kLeft : kRight, other_width = shared_is_left ? kRight : kLeft;
  struct Part {
    const TileSide *side;
    int from, lines;
  };
  std::vector<Part> parts;
  int left_over = 0;
  for (int i = 0; i < count; i++) left_over += others[i].lines;
  for (int i = 0; i < count; i++) {
    for (int from = 0; from < others[i].lines;) {
      // towards the end a panel at a time, so that the cores finish together
      const int most = left_over > Threads() * kOthersAtOnce / 2 ? std::max(1, kOthersAtOnce / other_width) * other_width : other_width;
      const int lines = std::min(most, others[i].lines - from);
      parts.push_back({&others[i], from, lines});
      from += lines;
      left_over -= lines;
    }
  }
  const int depth_share = ShareOf(k, kDepthAtOnce, 8), shared_share = ShareOf(shared.lines, kSharedAtOnce, shared_width);
  for (int depth = 0; depth < k; depth += depth_share) {
    const int span = std::min(depth_share, k - depth);
    const bool add = accumulate || depth > 0, is_last = depth + span == k;
    for (int first = 0; first < shared.lines; first += shared_share) {
      const int lines = std::min(shared_share, shared.lines - first), panels = Panels(lines, shared_width);
      const int64_t panel_size = static_cast<int64_t>(shared_width) * span, room = panel_size + kSlack;
      float *packed = packing.Get(panels * room);
      const int at_once = ShareOf(lines, kOthersAtOnce, shared_width, 8);
      ParallelFor((lines + at_once - 1) / at_once, [&](int index) {
        const int line = index * at_once;
        (shared_is_left ? PackPanels<kLeft> : PackPanels<kRight>)(shared, first + line, std::min(at_once, lines - line), depth,
                                                                  span, packed + line / shared_width * room, room);
      });
      // of the products of low rank the left sides, one after the other
      std::vector<float *> more(count);
      if (is_last) {
        int64_t size = 0;
        for (int i = 0; i < count; i++) size += panels * MoreRoom(others[i].rank);
        float *next = size > 0 ? more_packing.Get(size) : nullptr;
        for (int i = 0; i < count; i++) {
          const int rank = others[i].rank;
          if (rank == 0) continue;
          more[i] = next;
          next += panels * MoreRoom(rank);
          PackPanels<kLeft>({others[i].z, rank, 1, shared.lines}, first, lines, 0, rank, more[i], MoreRoom(rank));
        }
      }
      ParallelFor(static_cast<int>(parts.size()), [&](int index) {
        thread_local Buffer other;
        const Part &part = parts[index];
        const TileSide &side = *part.side;
        const int own_panels = Panels(part.lines, other_width), rank = is_last ? side.rank : 0;
        const int64_t own_size = static_cast<int64_t>(other_width) * span, up_size = static_cast<int64_t>(other_width) * rank;
        float *own = other.Get(own_panels * (own_size + up_size) + 2 * kSlack), *up = own + own_panels * own_size + kSlack;
        (shared_is_left ? PackPanels<kRight> : PackPanels<kLeft>)(side, part.from, part.lines, depth, span, own, own_size);
        if (!shared_is_left) {
          float *c = side.c + static_cast<int64_t>(part.from) * side.c_row + first;
          for (int j = 0; j < panels; j++)
            for (int i = 0; i < own_panels; i++)
              Block({span, own + i * own_size, packed + j * room}, {}, part.lines - i * kLeft, lines - j * kRight, add,
                    c + static_cast<int64_t>(i) * kLeft * side.c_row + j * kRight, side.c_row);
          return;
        }
        if (rank > 0)
          PackPanels<kRight>({side.up, side.up_line_stride, side.up_depth_stride, side.lines}, part.from, part.lines, 0, rank,
                             up, up_size);
        const float *z = more[part.side - others];
        float *c = side.c + static_cast<int64_t>(first) * side.c_row + part.from;
        for (int j = 0; j < own_panels; j++)
          for (int i = 0; i < panels; i++)
            Block({span, packed + i * room, own + j * own_size}, {rank, z + i * MoreRoom(rank), up + j * up_size},
                  lines - i * kLeft, part.lines - j * kRight, add,
                  c + static_cast<int64_t>(i) * kLeft * side.c_row + j * kRight, side.c_row);
      });
    }
  }
}

#endif

}  // namespace srcode
