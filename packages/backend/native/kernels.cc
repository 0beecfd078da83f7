#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace srcode {
namespace {

/** Eight floats of any alignment, in whatever registers the processor has (GCC's and Clang's vector extension). */
typedef float Vector __attribute__((vector_size(32), aligned(4), may_alias));
constexpr int kLanes = 8;
inline Vector Load(const float *p) { return *reinterpret_cast<const Vector *>(p); }
inline void Store(float *p, Vector v) { *reinterpret_cast<Vector *>(p) = v; }
inline float Sum(Vector v) { return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7])); }

/** Threads that wait for work; never joined, as the process ends with them. */
class Pool {
 public:
  explicit Pool(int helpers) {
    for (int i = 0; i < helpers; i++) std::thread([this] { Help(); }).detach();
    helpers_ = helpers;
  }
  void Run(int count, const std::function<void(int)> &work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      count_ = count;
      next_ = 0;
      busy_ = helpers_;
      round_++;
    }
    wake_.notify_all();
    Drain(work, count);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void Drain(const std::function<void(int)> &work, int count) {
    for (;;) {
      int i;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (next_ >= count) return;
        i = next_++;
      }
      work(i);
    }
  }
  void Help() {
    int64_t seen = 0;
    for (;;) {
      const std::function<void(int)> *work;
      int count;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        work = work_;
        count = count_;
      }
      Drain(*work, count);
      std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int)> *work_ = nullptr;
  int count_ = 0, next_ = 0, busy_ = 0, helpers_ = 0;
  int64_t round_ = 0;
};

int Threads() {
  static const int threads = [] {
    const char *wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int asked = wanted ? std::atoi(wanted) : 0;
    return std::max(1, asked > 0 ? asked : static_cast<int>(std::thread::hardware_concurrency()));
  }();
  return threads;
}

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

/** One tile of `Gemm`: kRows × 16 accumulators in registers. */
template <int kRows>
inline void Tile(int k, const float *a, int64_t a_row, int64_t a_depth, const float *b, int64_t b_row, float *c,
                 int64_t c_row, bool accumulate) {
  Vector sums[kRows][2] = {};
  for (int p = 0; p < k; p++, b += b_row) {
    const Vector b0 = Load(b), b1 = Load(b + kLanes);
    for (int r = 0; r < kRows; r++) {
      const float x = a[r * a_row + p * a_depth];
      sums[r][0] += x * b0;
      sums[r][1] += x * b1;
    }
  }
  for (int r = 0; r < kRows; r++) {
    for (int h = 0; h < 2; h++) {
      float *to = c + r * c_row + h * kLanes;
      Store(to, accumulate ? Load(to) + sums[r][h] : sums[r][h]);
    }
  }
}

/** c [m, n] (+)= a·b: a by row and depth stride, b [k, n] and c by row stride. */
void Gemm(int m, int n, int k, const float *a, int64_t a_row, int64_t a_depth, const float *b, int64_t b_row, float *c,
          int64_t c_row, bool accumulate) {
  constexpr int kColumns = 2 * kLanes;
  const int whole = n - n % kColumns;
  for (int j = 0; j < whole; j += kColumns) {
    int i = 0;
    for (; i + 4 <= m; i += 4)
      Tile<4>(k, a + i * a_row, a_row, a_depth, b + j, b_row, c + i * c_row + j, c_row, accumulate);
    for (; i < m; i++)
      Tile<1>(k, a + i * a_row, a_row, a_depth, b + j, b_row, c + i * c_row + j, c_row, accumulate);
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
    s0 += Load(a + i) * Load(b + i);
    s1 += Load(a + i + kLanes) * Load(b + i + kLanes);
    s2 += Load(a + i + 2 * kLanes) * Load(b + i + 2 * kLanes);
    s3 += Load(a + i + 3 * kLanes) * Load(b + i + 3 * kLanes);
  }
  float total = Sum((s0 + s1) + (s2 + s3));
  for (; i < n; i++) total += a[i] * b[i];
  return total;
}

/** y[r·n] = x row r · w for kRows rows of x and two rows of w (n apart by one): each loaded once. */
template <int kRows>
inline void SkinnyTile(int k, const float *x, const float *w0, const float *w1, float *y, int64_t n) {
  Vector s0[kRows] = {}, s1[kRows] = {};
  int p = 0;
  for (; p + kLanes <= k; p += kLanes) {
    const Vector a = Load(w0 + p), b = Load(w1 + p);
    for (int r = 0; r < kRows; r++) {
      const Vector v = Load(x + static_cast<int64_t>(r) * k + p);
      s0[r] += a * v;
      s1[r] += b * v;
    }
  }
  for (int r = 0; r < kRows; r++) {
    float t0 = Sum(s0[r]), t1 = Sum(s1[r]);
    const float *row = x + static_cast<int64_t>(r) * k;
    for (int q = p; q < k; q++) t0 += w0[q] * row[q], t1 += w1[q] * row[q];
    y[r * n] = t0;
    y[r * n + 1] = t1;
  }
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
  for (int t = 0; t < n; t++)
    RotateRow(x + t * x_row, to + t * to_row, half, cos + t * half, sin + t * half, sign, scale);
}

void Transpose(int n, int d, const float *x, int64_t x_row, float *to) {
  for (int t = 0; t < n; t++)
    for (int i = 0; i < d; i++) to[static_cast<int64_t>(i) * n + t] = x[t * x_row + i];
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
  float top = x[0];
  for (int i = 1; i < n; i++) top = x[i] > top ? x[i] : top;
  return top;
}

/** Query rows whose scores exist at once. */
constexpr int kBlock = 32;

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

void RmsNormGrad(int n, int d, const float *x, const float *w, const float *inverse, const float *dy, float *dx,
                 float *dw) {
  std::memset(dw, 0, sizeof(float) * d);
  for (int row = 0; row < n; row++, x += d, dy += d, dx += d) {
    const float r = inverse[row];
    for (int i = 0; i < d; i++) dw[i] += dy[i] * x[i] * r;
    for (int i = 0; i < d; i++) dx[i] = dy[i] * w[i];
    const float shift = Dot(dx, x, d) * r * r / d;
    for (int i = 0; i < d; i++) dx[i] = r * (dx[i] - x[i] * shift);
  }
}

void SwiGlu(int64_t n, const float *gate, const float *up, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + Exp(-gate[i])) * up[i];
}

void SwiGluGrad(int64_t n, const float *gate, const float *up, const float *dy, float *d_gate, float *d_up) {
  for (int64_t i = 0; i < n; i++) {
    const float g = gate[i], s = 1.0f / (1.0f + Exp(-g)), e = dy[i];
    d_up[i] = e * g * s;
    d_gate[i] = e * up[i] * s * (1.0f + g * (1.0f - s));
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
  const auto work = [&](int r) {
    std::vector<float> turned(d), scores(capacity);
    const int n = positions[r] + 1;
    const float *c = cos + static_cast<int64_t>(positions[r]) * half, *s = sin + static_cast<int64_t>(positions[r]) * half;
    for (int kv = 0; kv < kv_heads; kv++) {
      const int64_t base = (static_cast<int64_t>(cache_rows[r]) * kv_heads + kv) * capacity * d;
      const int64_t own = base + static_cast<int64_t>(positions[r]) * d, from = (static_cast<int64_t>(r) * kv_heads + kv) * d;
      RotateRow(k + from, cache_k + own, half, c, s, 1, 1);
      std::memcpy(cache_v + own, v + from, sizeof(float) * d);
      for (int g = 0; g < group; g++) {
        const int64_t at = (static_cast<int64_t>(r) * heads + kv * group + g) * d;
        RotateRow(q + at, turned.data(), half, c, s, 1, scale);
        for (int t = 0; t < n; t++) scores[t] = Dot(turned.data(), cache_k + base + static_cast<int64_t>(t) * d, d);
        const float by = 1.0f / ExpInPlace(scores.data(), n, MaxOf(scores.data(), n));
        std::fill(turned.begin(), turned.end(), 0.0f);
        for (int t = 0; t < n; t++) {
          const float *value = cache_v + base + static_cast<int64_t>(t) * d;
          const float w = scores[t] * by;
          for (int i = 0; i < d; i++) turned[i] += w * value[i];
        }
        std::memcpy(out + at, turned.data(), sizeof(float) * d);
      }
    }
  };
  if (static_cast<int64_t>(rows) * heads * positions[0] < 4096) {
    for (int r = 0; r < rows; r++) work(r);
  } else {
    ParallelFor(rows, work);
  }
}

void CopyRows(int count, int64_t row_size, float *cache, const int32_t *from, const int32_t *to) {
  for (int i = 0; i < count; i++)
    std::memcpy(cache + to[i] * row_size, cache + from[i] * row_size, sizeof(float) * row_size);
}

void SkinnyMatMul(int m, int n, int k, const float *x, const float *w, float *y) {
  constexpr int kChunk = 64;
  const int chunks = (n + kChunk - 1) / kChunk;
  const auto work = [&](int chunk) {
    const int end = std::min(n, (chunk + 1) * kChunk);
    for (int o = chunk * kChunk; o < end; o += 2) {
      const float *w0 = w + static_cast<int64_t>(o) * k;
      if (o + 1 == end || m == 1) {
        for (int j = o; j < std::min(end, o + 2); j++)
          for (int i = 0; i < m; i++)
            y[static_cast<int64_t>(i) * n + j] = Dot(x + static_cast<int64_t>(i) * k, w + static_cast<int64_t>(j) * k, k);
        continue;
      }
      int i = 0;
      for (; i + 4 <= m; i += 4)
        SkinnyTile<4>(k, x + static_cast<int64_t>(i) * k, w0, w0 + k, y + static_cast<int64_t>(i) * n + o, n);
      for (; i < m; i++)
        SkinnyTile<1>(k, x + static_cast<int64_t>(i) * k, w0, w0 + k, y + static_cast<int64_t>(i) * n + o, n);
    }
  };
  if (static_cast<int64_t>(n) * k < 1 << 16) {
    for (int c = 0; c < chunks; c++) work(c);
  } else {
    // a few large shares: handing out a share costs a lock
    const int shares = std::min(chunks, Threads() * 4);
    ParallelFor(shares, [&](int share) {
      for (int c = chunks * share / shares; c < chunks * (share + 1) / shares; c++) work(c);
    });
  }
}

}  // namespace srcode
