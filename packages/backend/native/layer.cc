#include "layer.h"

#include <cstring>
#include <new>
#include <vector>

#include "pool.h"

namespace srcode {
namespace {

/** Numbers that live as long as this object, in the memory that outputs of kernels use as well. */
class Scratch {
 public:
  explicit Scratch(int64_t count) : bytes_(static_cast<size_t>(count) * sizeof(float)), data_(TakeBlock(bytes_)) {
    if (!data_) throw std::bad_alloc();
  }
  Scratch(Scratch &&other) noexcept : bytes_(other.bytes_), data_(other.data_) { other.data_ = nullptr; }
  Scratch(const Scratch &) = delete;
  ~Scratch() { Drop(); }
  void Drop() {
    if (data_) ReturnBlock(data_, bytes_);
    data_ = nullptr;
  }
  float *get() const { return static_cast<float *>(data_); }

 private:
  size_t bytes_;
  void *data_;
};

void Normalize(int n, int d, const float *x, const float *w, float epsilon, float *y, float *inverse) {
  Sliced(n, d, [&](int64_t at, int64_t count) {
    RmsNorm(static_cast<int>(count), d, x + at * d, w, epsilon, y + at * d, inverse + at);
  });
}

/** Products of one input: y = x·wᵀ + …, or with `accumulate` added to what y holds. */
void Forward(int rows, const Linear *linears, int count, const float *x, float *const *y, float *const *z,
             bool accumulate) {
  TileSide others[kLinears];
  const int in = linears[0].in;
  for (int i = 0; i < count; i++) {
    const Linear &l = linears[i];
    others[i] = {l.w, in, 1, l.out, y[i], l.out, z[i], l.b, l.rank, 1, l.rank};
    if (l.rank > 0) LowRankDown(rows, in, l.rank, l.scale, x, l.a, true, z[i]);
  }
  TileProducts({x, in, 1, rows}, others, count, in, true, accumulate);
  for (int i = 0; i < count; i++) {
    const Linear &l = linears[i];
    if (!l.bias) continue;
    Sliced(rows, l.out, [&](int64_t at, int64_t n) {
      for (int64_t row = at; row < at + n; row++)
        for (int o = 0; o < l.out; o++) y[i][row * l.out + o] += l.bias[o];
    });
  }
}

/**
 * The way back through products of one input given dy of each: by the input, summed over them, into dx at once; by what is
 * trained in `Train`, which wants the input itself.
 */
class Backward {
 public:
  Backward(int rows, const Linear *linears, int count, const float *const *dy, float *dx)
      : rows_(rows), linears_(linears), count_(count), dy_(dy) {
    for (int i = 0; i < count; i++) {
      const Linear &l = linears[i];
      g_[i].resize(static_cast<size_t>(rows) * l.rank);
      if (l.rank > 0) LowRankDown(rows, l.out, l.rank, l.scale, dy[i], l.b, false, g_[i].data());
      const TileSide other{l.w, 1, l.in, l.in, dx, l.in, g_[i].data(), l.a, 1, l.in, l.rank};
      TileProducts({dy[i], l.out, 1, rows}, &other, 1, l.out, true, i > 0);
    }
  }

  void Train(const float *x, float *const *z, const LinearGradients *gradients) const {
    std::vector<OuterProduct> outers;
    TileSide others[kLinears];
    int weights = 0;
    for (int i = 0; i < count_; i++) {
      const Linear &l = linears_[i];
      const LinearGradients &to = gradients[i];
      if (to.a) {
        outers.push_back({l.in, l.rank, g_[i].data(), x, false, to.a});
        outers.push_back({l.out, l.rank, z[i], dy_[i], true, to.b});
      }
      if (to.w) others[weights++] = {dy_[i], 1, l.out, l.out, to.w, l.in};
      if (to.bias) SumRows(l.out, dy_[i], to.bias);
    }
    if (!outers.empty()) LowRankOuter(rows_, outers.data(), static_cast<int>(outers.size()));
    const int in = linears_[0].in;
    if (weights > 0) TileProducts({x, 1, in, in}, others, weights, rows_, false, false);
  }

 private:
  void SumRows(int n, const float *x, float *to) const {
    std::memset(to, 0, sizeof(float) * n);
    for (int64_t row = 0; row < rows_; row++)
      for (int i = 0; i < n; i++) to[i] += x[row * n + i];
  }

  int rows_;
  const Linear *linears_;
  int count_;
  const float *const *dy_;
  std::vector<float> g_[kLinears];
};

void Copy(int64_t n, const float *from, float *to) {
  Sliced(n, 1, [&](int64_t at, int64_t count) { std::memcpy(to + at, from + at, sizeof(float) * count); });
}

}  // namespace

void LayerForward(const Layer &layer, const float *x, const LayerKept &kept, float *out) {
  const int n = layer.rows(), hidden = layer.hidden();
  const Linear *linears = layer.linears;
  std::vector<float> inverse(n);
  Scratch h(static_cast<int64_t>(n) * hidden);
  Normalize(n, hidden, x, layer.input_norm, layer.epsilon, h.get(), inverse.data());
  float *const qkv[] = {kept.q, kept.k, kept.v};
  Forward(n, linears + kQ, 3, h.get(), qkv, kept.z + kQ, false);
  Attention(layer.shape, kept.q, kept.k, kept.v, layer.starts, layer.ends, layer.cos, layer.sin, kept.mixed,
            kept.log_sums);
  Copy(static_cast<int64_t>(n) * hidden, x, kept.inner);
  Forward(n, linears + kO, 1, kept.mixed, &kept.inner, kept.z + kO, true);
  Normalize(n, hidden, kept.inner, layer.inner_norm, layer.epsilon, h.get(), inverse.data());
  float *const gates[] = {kept.gate, kept.up};
  Forward(n, linears + kGate, 2, h.get(), gates, kept.z + kGate, false);
  h.Drop();
  const int64_t size = static_cast<int64_t>(n) * layer.inner();
  Scratch product(size);
  Sliced(size, 1, [&](int64_t at, int64_t count) {
    SwiGlu(count, kept.gate + at, kept.up + at, product.get() + at);
  });
  Copy(static_cast<int64_t>(n) * hidden, kept.inner, out);
  Forward(n, linears + kDown, 1, product.get(), &out, kept.z + kDown, true);
}

void LayerBackward(const Layer &layer, const float *x, const LayerKept &kept, const float *dy,
                   const LayerGradients &gradients) {
  const int n = layer.rows(), hidden = layer.hidden();
  const int64_t size = static_cast<int64_t>(n) * hidden, inner_size = static_cast<int64_t>(n) * layer.inner();
  const Linear *linears = layer.linears;
  const LinearGradients *trained = gradients.linears;
  std::vector<float> inverse(n);
  Scratch d_inner(size);
  {
    Scratch d_gate(inner_size), d_up(inner_size);
    {
      Backward back(n, linears + kDown, 1, &dy, d_up.get());
      Scratch product(inner_size);
      Sliced(inner_size, 1, [&](int64_t at, int64_t count) {
        SwiGluGrad(count, kept.gate + at, kept.up + at, d_up.get() + at, product.get() + at, d_gate.get() + at,
                   d_up.get() + at);
      });
      back.Train(product.get(), kept.z + kDown, trained + kDown);
    }
    Scratch h(size), d_h(size);
    Normalize(n, hidden, kept.inner, layer.inner_norm, layer.epsilon, h.get(), inverse.data());
    const float *const d_gates[] = {d_gate.get(), d_up.get()};
    Backward back(n, linears + kGate, 2, d_gates, d_h.get());
    back.Train(h.get(), kept.z + kGate, trained + kGate);
    RmsNormGrad(n, hidden, kept.inner, layer.inner_norm, inverse.data(), d_h.get(), dy, d_inner.get(),
                gradients.inner_norm);
  }
  const Linear &k = linears[kK];
  const int64_t k_size = static_cast<int64_t>(n) * k.out;
  Scratch dq(static_cast<int64_t>(n) * linears[kQ].out), dk(k_size), dv(k_size);
  {
    Scratch d_mixed(static_cast<int64_t>(n) * linears[kO].in);
    const float *const d_projected = d_inner.get();
    Backward back(n, linears + kO, 1, &d_projected, d_mixed.get());
    back.Train(kept.mixed, kept.z + kO, trained + kO);
    AttentionGrad(layer.shape, kept.q, kept.k, kept.v, layer.starts, layer.ends, layer.cos, layer.sin, kept.mixed,
                  kept.log_sums, d_mixed.get(), dq.get(), dk.get(), dv.get());
  }
  Scratch h(size), d_h(size);
  Normalize(n, hidden, x, layer.input_norm, layer.epsilon, h.get(), inverse.data());
  const float *const d_qkv[] = {dq.get(), dk.get(), dv.get()};
  Backward back(n, linears + kQ, 3, d_qkv, d_h.get());
  back.Train(h.get(), kept.z + kQ, trained + kQ);
  RmsNormGrad(n, hidden, x, layer.input_norm, inverse.data(), d_h.get(), d_inner.get(), gradients.x,
              gradients.input_norm);
}

}  // namespace srcode
