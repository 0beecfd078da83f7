// The binding of @tensorflow/tfjs-node-gpu plus one function, `runKernel`, that runs our fused kernels on the memory of
// TensorFlow's own CPU tensors. Kernels may write into their inputs (caches, moments): those are only ever held by the
// caller.
#include <node_api.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

// The map from tensor ids to handles is private, and there is no accessor.
#define private public
#include "binding/tfjs_backend.h"
#undef private

#include "kernels.h"
#include "layer.h"
#include "pool.h"

#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#include "binding/tfjs_binding.cc"

namespace {

struct Tensor {
  TF_Tensor *tensor = nullptr;
  void *data = nullptr;
  std::vector<int64_t> shape;
  Tensor() = default;
  Tensor(Tensor &&other) noexcept : tensor(other.tensor), data(other.data), shape(std::move(other.shape)) {
    other.tensor = nullptr;
  }
  ~Tensor() {
    if (tensor) TF_DeleteTensor(tensor);
  }
  float *f() const { return static_cast<float *>(data); }
  const int32_t *i() const { return static_cast<const int32_t *>(data); }
  int64_t size() const {
    int64_t product = 1;
    for (int64_t n : shape) product *= n;
    return product;
  }
};

napi_value Fail(napi_env env, const std::string &what) {
  napi_throw_error(env, "SRCODE_KERNEL", what.c_str());
  return nullptr;
}

bool TypedArray(napi_env env, napi_value value, napi_typedarray_type wanted, void **data, size_t *length) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, data, nullptr, nullptr) == napi_ok && type == wanted;
}

enum Kernel {
  kRmsNorm, kRmsNormGrad, kSwiGlu, kSwiGluGrad, kAttention, kAttentionGrad, kFillCache, kDecodeAttention, kCopyRows,
  kSkinnyMatMul, kDecodeLayers, kPickLogProbs, kSampleRows, kAdamW, kTileMatMul, kLayer, kLayerGrad, kCompressWeights,
  kAdd, kSumOfSquares, kCopy, kFill, kCopyInto, kAddOuter, kAddRows, kKernelCount
};
/** Inputs of a layer: x, norms, layout, then weight, bias and factors of each product; what it keeps, without z. */
constexpr size_t kLayerInputs = 7 + 4 * srcode::kLinears, kLayerKept = 8;
/** Inputs of decoding: x, cache rows, positions, cos, sin, then of each layer those of `DecodeWeightsOf` and its cache. */
constexpr size_t kDecodeInputs = 5, kDecodeLayerInputs = 28;
/** Inputs and outputs of each kernel; −1: as many as layers have, see `FitsArity`. */
const int kArity[kKernelCount][2] = {{2, 2}, {4, 2}, {2, 1}, {3, 2}, {7, 2}, {10, 3}, {9, 0}, {9, 1}, {3, 0}, {2, 1},
                                     {-1, 1}, {2, 1}, {2, 2}, {4, 1}, {2, 1}, {kLayerInputs, -1}, {-1, -1}, {1, 2},
                                     {2, 1}, {1, 1}, {1, 1}, {0, 1}, {2, 0}, {3, 0}, {3, 0}};
/** Numbers that a call may pass besides tensors. */
constexpr size_t kParameters = 14;

/** How many products of a layer have factors, and how many biases; inputs start with the layer's. */
void CountsOf(const std::vector<Tensor> &in, size_t *factors, size_t *biases) {
  *factors = *biases = 0;
  for (size_t i = 7; i < kLayerInputs; i += 4) {
    *biases += in[i + 1].size() > 0;
    *factors += in[i + 2].size() > 0;
  }
}

/** True when the numbers of inputs and outputs fit the kernel. */
bool FitsArity(int kernel, const std::vector<Tensor> &in, size_t outputs, const double *p) {
  if (kernel == kDecodeLayers)
    return outputs == 1 && in.size() > kDecodeInputs && (in.size() - kDecodeInputs) % kDecodeLayerInputs == 0;
  if (kernel != kLayer && kernel != kLayerGrad)
    return in.size() == static_cast<size_t>(kArity[kernel][0]) && outputs == static_cast<size_t>(kArity[kernel][1]);
  if (in.size() < kLayerInputs) return false;
  size_t factors, biases;
  CountsOf(in, &factors, &biases);
  if (kernel == kLayer) return in.size() == kLayerInputs && outputs == 1 + kLayerKept + factors;
  const size_t trained = p[6] != 0 ? 2 * factors : 2 + srcode::kLinears + biases;
  return in.size() == kLayerInputs + kLayerKept + factors + 1 && outputs == 1 + trained;
}

/** A float32 tensor, large ones in a block of the pool. */
TF_Tensor *Allocate(const std::vector<int64_t> &shape, size_t bytes) {
  const int rank = static_cast<int>(shape.size());
  void *block = bytes >= srcode::kPooledFrom ? srcode::TakeBlock(bytes) : nullptr;
  if (!block) return TF_AllocateTensor(TF_FLOAT, shape.data(), rank, bytes);
  const auto give_back = [](void *data, size_t length, void *) { srcode::ReturnBlock(data, length); };
  return TF_NewTensor(TF_FLOAT, shape.data(), rank, block, bytes, give_back, nullptr);
}

/** Words of 4 bytes of a row of k weights. */
int64_t WordsOf(srcode::Storage storage, int64_t k) {
  switch (storage) {
    case srcode::Storage::kBrain: return k / 2;
    case srcode::Storage::kAffine4: return k / 32 * 6;
    case srcode::Storage::kAffine8: return k / 16 * 6;
    default: return k;
  }
}

/** Weights [n, k]: the width of their tensor tells how they are stored. */
srcode::Weights WeightsOf(const Tensor &t, int k) {
  using srcode::Storage;
  for (const Storage storage : {Storage::kBrain, Storage::kAffine4, Storage::kAffine8})
    if (t.shape[1] == WordsOf(storage, k)) return {t.data, storage};
  return {t.data, Storage::kFloat};
}

/**
 * Norm, weights of q, k, v and o, norm, weights of gate, up and down, three biases, then past the cache (a, b) of each product:
 * what a layer does not have are tensors of no elements.
 */
srcode::DecodeLayerWeights DecodeWeightsOf(const Tensor *in, int hidden, const double *p) {
  const int inner = static_cast<int>(in[6].shape[0]), mixed = static_cast<int>(p[2] * p[4]);
  const auto linear = [&](int weight, int k, int bias, int factors) {
    const Tensor &a = in[factors], &b = in[factors + 1];
    return srcode::DecodeLinear{WeightsOf(in[weight], k), bias > 0 && in[bias].size() > 0 ? in[bias].f() : nullptr, a.f(),
                                b.f(), a.size() > 0 ? static_cast<int>(a.shape[0]) : 0};
  };
  return {hidden,
          inner,
          static_cast<float>(p[0]),
          static_cast<float>(p[1]),
          in[0].f(),
          in[5].f(),
          linear(1, hidden, 9, 14),
          linear(2, hidden, 10, 16),
          linear(3, hidden, 11, 18),
          linear(4, mixed, 0, 20),
          linear(6, hidden, 0, 22),
          linear(7, hidden, 0, 24),
          linear(8, inner, 0, 26)};
}

srcode::AttentionShape ShapeOf(const double *p) {
  return {static_cast<int>(p[0]), static_cast<int>(p[1]), static_cast<int>(p[2]), static_cast<int>(p[3]),
          static_cast<int>(p[4])};
}

/** x, input and inner norm, starts, ends, cos, sin, then (weight, bias, a, b) of each product, those without elements none. */
srcode::Layer LayerOf(const std::vector<Tensor> &in, const double *p) {
  const auto optional = [](const Tensor &t) { return t.size() > 0 ? t.f() : nullptr; };
  srcode::Layer layer{static_cast<float>(p[5]), in[1].f(), in[2].f(), {}, ShapeOf(p), in[3].i(), in[4].i(), in[5].f(), in[6].f()};
  for (int i = 0; i < srcode::kLinears; i++) {
    const Tensor &w = in[7 + 4 * i], &a = in[9 + 4 * i], &b = in[10 + 4 * i];
    layer.linears[i] = {static_cast<int>(w.shape[0]), static_cast<int>(w.shape[1]), w.f(), optional(in[8 + 4 * i]),
                        optional(a), optional(b), a.size() > 0 ? static_cast<int>(a.shape[0]) : 0,
                        static_cast<float>(p[7 + i])};
  }
  return layer;
}

/** What a layer keeps, from the tensor at `next` on. */
srcode::LayerKept KeptOf(const srcode::Layer &layer, const std::vector<Tensor> &tensors, size_t *next) {
  const auto take = [&] { return tensors[(*next)++].f(); };
  srcode::LayerKept kept{};
  for (float **to : {&kept.inner, &kept.q, &kept.k, &kept.v, &kept.mixed, &kept.log_sums, &kept.gate, &kept.up}) *to = take();
  for (int i = 0; i < srcode::kLinears; i++)
    if (layer.linears[i].rank > 0) kept.z[i] = take();
  return kept;
}

void Run(int kernel, const std::vector<Tensor> &in, const std::vector<Tensor> &out, const double *p) {
  const auto rows_of = [](const Tensor &t) { return static_cast<int>(t.shape[0]); };
  const srcode::AttentionShape shape = ShapeOf(p);
  switch (kernel) {
    case kRmsNorm: {
      const int d = static_cast<int>(in[1].size());
      const float epsilon = static_cast<float>(p[0]);
      srcode::Sliced(rows_of(in[0]), d, [&](int64_t at, int64_t n) {
        srcode::RmsNorm(static_cast<int>(n), d, in[0].f() + at * d, in[1].f(), epsilon, out[0].f() + at * d,
                        out[1].f() + at);
      });
      return;
    }
    case kRmsNormGrad:
      srcode::RmsNormGrad(rows_of(in[0]), static_cast<int>(in[1].size()), in[0].f(), in[1].f(), in[2].f(), in[3].f(),
                          nullptr, out[0].f(), out[1].f());
      return;
    case kSwiGlu:
      srcode::Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        srcode::SwiGlu(n, in[0].f() + at, in[1].f() + at, out[0].f() + at);
      });
      return;
    case kSwiGluGrad:
      srcode::Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        srcode::SwiGluGrad(n, in[0].f() + at, in[1].f() + at, in[2].f() + at, nullptr, out[0].f() + at, out[1].f() + at);
      });
      return;
    case kAttention:
      srcode::Attention(shape, in[0].f(), in[1].f(), in[2].f(), in[3].i(), in[4].i(), in[5].f(), in[6].f(), out[0].f(),
                        out[1].f());
      return;
    case kAttentionGrad:
      srcode::AttentionGrad(shape, in[0].f(), in[1].f(), in[2].f(), in[3].i(), in[4].i(), in[5].f(), in[6].f(),
                            in[7].f(), in[8].f(), in[9].f(), out[0].f(), out[1].f(), out[2].f());
      return;
    case kFillCache:
      srcode::FillCache(shape, in[0].f(), in[1].f(), in[2].i(), in[3].i(), in[4].i(), in[5].f(), in[6].f(), in[7].f(),
                        in[8].f(), static_cast<int>(p[5]));
      return;
    case kDecodeAttention:
      srcode::DecodeAttention(rows_of(in[0]), shape.heads, shape.kv_heads, shape.d, in[0].f(), in[1].f(), in[2].f(),
                              in[3].i(), in[4].i(), in[5].f(), in[6].f(), in[7].f(), in[8].f(), static_cast<int>(p[5]),
                              out[0].f());
      return;
    case kCopyRows:
      srcode::CopyRows(static_cast<int>(in[1].size()), in[0].size() / in[0].shape[0], in[0].f(), in[1].i(), in[2].i());
      return;
    case kSkinnyMatMul: {
      const int k = static_cast<int>(in[0].shape[1]);
      srcode::SkinnyMatMul(rows_of(in[0]), rows_of(in[1]), k, in[0].f(), WeightsOf(in[1], k), out[0].f());
      return;
    }
    case kDecodeLayers: {
      // one layer after the other, there and back between two places
      const int m = rows_of(in[0]), hidden = static_cast<int>(in[0].shape[1]);
      const size_t count = (in.size() - kDecodeInputs) / kDecodeLayerInputs;
      std::vector<float> other(out[0].size());
      const float *x = in[0].f();
      for (size_t i = 0; i < count; i++) {
        const Tensor *own = &in[kDecodeInputs + i * kDecodeLayerInputs];
        float *to = (count - i) % 2 ? out[0].f() : other.data();
        const srcode::DecodeLayerState state{static_cast<int>(p[2]), static_cast<int>(p[3]), static_cast<int>(p[4]),
                                             static_cast<int>(p[5]), in[1].i(), in[2].i(), in[3].f(), in[4].f(),
                                             own[12].f(), own[13].f()};
        srcode::DecodeLayer(DecodeWeightsOf(own, hidden, p), state, m, x, to);
        x = to;
      }
      return;
    }
    case kPickLogProbs:
      srcode::PickLogProbs(rows_of(in[0]), static_cast<int>(in[0].shape[1]), in[0].f(), in[1].i(), p[0] != 0,
                           out[0].f());
      return;
    case kSampleRows:
      srcode::SampleRows(rows_of(in[0]), static_cast<int>(in[0].shape[1]), in[0].f(), in[1].f(),
                         static_cast<float>(p[0]), out[0].f(), out[1].f());
      return;
    case kTileMatMul: {
      const bool a_turned = p[0] != 0, b_turned = p[1] != 0;
      srcode::TileMatMul(static_cast<int>(in[0].shape[a_turned]), static_cast<int>(in[1].shape[!b_turned]),
                         static_cast<int>(in[0].shape[!a_turned]), in[0].f(), a_turned, in[1].f(), b_turned, out[0].f());
      return;
    }
    case kLayer: {
      const srcode::Layer layer = LayerOf(in, p);
      size_t next = 0;
      float *to = out[next++].f();
      const srcode::LayerKept kept = KeptOf(layer, out, &next);
      srcode::LayerForward(layer, in[0].f(), kept, to);
      return;
    }
    case kLayerGrad: {
      const srcode::Layer layer = LayerOf(in, p);
      size_t next = kLayerInputs;
      const srcode::LayerKept kept = KeptOf(layer, in, &next);
      const float *dy = in[next].f();
      srcode::LayerGradients gradients{};
      next = 0;
      gradients.x = out[next++].f();
      const bool frozen = p[6] != 0;
      if (!frozen) {
        gradients.input_norm = out[next++].f();
        gradients.inner_norm = out[next++].f();
      }
      for (int i = 0; i < srcode::kLinears; i++) {
        const srcode::Linear &l = layer.linears[i];
        srcode::LinearGradients &to = gradients.linears[i];
        if (!frozen) to.w = out[next++].f();
        if (!frozen && l.bias) to.bias = out[next++].f();
        if (frozen && l.rank > 0) {
          to.a = out[next++].f();
          to.b = out[next++].f();
        }
      }
      srcode::LayerBackward(layer, in[0].f(), kept, dy, gradients);
      return;
    }
    case kCompressWeights: {
      const auto storage = static_cast<srcode::Storage>(static_cast<int>(p[0]));
      const int n = rows_of(in[0]), k = static_cast<int>(in[0].shape[1]);
      const bool fits = out[0].shape[1] == WordsOf(storage, k) &&
                        srcode::CompressWeights(storage, n, k, in[0].f(), out[0].data);
      out[1].f()[0] = fits ? 1 : 0;
      return;
    }
    case kAdd:
      srcode::Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        const float *a = in[0].f() + at, *b = in[1].f() + at;
        float *to = out[0].f() + at;
        for (int64_t i = 0; i < n; i++) to[i] = a[i] + b[i];
      });
      return;
    case kCopy:
      srcode::Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        std::memcpy(out[0].f() + at, in[0].f() + at, n * sizeof(float));
      });
      return;
    case kFill:
      srcode::Sliced(out[0].size(), 1, [&](int64_t at, int64_t n) {
        std::fill_n(out[0].f() + at, n, static_cast<float>(p[0]));
      });
      return;
    case kCopyInto: {
      const int64_t offset = static_cast<int64_t>(p[0]);
      if (offset >= 0 && offset + in[1].size() <= in[0].size())
        std::memcpy(in[0].f() + offset, in[1].f(), in[1].size() * sizeof(float));
      return;
    }
    case kAddOuter: {
      // target [m, n], a [k, m], b [k, n]: target += aᵀ·b in place
      const int k = rows_of(in[1]), m = rows_of(in[0]), n = static_cast<int>(in[0].shape[1]);
      const srcode::TileSide left{in[1].f(), 1, m, m, in[0].f(), n}, right{in[2].f(), 1, n, n};
      srcode::TileProducts(right, &left, 1, k, false, true);
      return;
    }
    case kAddRows: {
      // target [v, d], rows [n, d], ids [n]: target[ids[i]] += rows[i] in place
      const int64_t d = in[0].shape[1];
      for (int64_t i = 0; i < in[1].shape[0]; i++) {
        float *to = in[0].f() + in[2].i()[i] * d;
        const float *from = in[1].f() + i * d;
        for (int64_t j = 0; j < d; j++) to[j] += from[j];
      }
      return;
    }
    case kSumOfSquares:
      out[0].f()[0] = static_cast<float>(srcode::SumOfSquares(in[0].size(), in[0].f()));
      return;
    case kAdamW: {
      // the moments are changed in place
      const srcode::AdamWStep step{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]),
                                   static_cast<float>(p[3]), static_cast<float>(p[4]), static_cast<float>(p[5])};
      srcode::Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        srcode::AdamW(step, n, in[0].f() + at, in[1].f() + at, in[2].f() + at, in[3].f() + at, out[0].f() + at);
      });
      return;
    }
  }
}

/** runKernel(kernel, inputIds Int32Array, parameters Float64Array of 14, shapes Int32Array [rank, sizes…]…) → ids. */
napi_value RunKernel(napi_env env, napi_callback_info info) {
  napi_value args[4];
  size_t count = 4;
  int32_t kernel;
  void *ids, *parameters, *shapes;
  size_t id_count, parameter_count, shape_count;
  if (napi_get_cb_info(env, info, &count, args, nullptr, nullptr) != napi_ok || count != 4 ||
      napi_get_value_int32(env, args[0], &kernel) != napi_ok || kernel < 0 || kernel >= kKernelCount ||
      !TypedArray(env, args[1], napi_int32_array, &ids, &id_count) ||
      !TypedArray(env, args[2], napi_float64_array, &parameters, &parameter_count) || parameter_count != kParameters ||
      !TypedArray(env, args[3], napi_int32_array, &shapes, &shape_count) ||
      (kArity[kernel][0] >= 0 && id_count != static_cast<size_t>(kArity[kernel][0])))
    return Fail(env, "runKernel: wrong arguments");
  tfnodejs::TFJSBackend *backend = tfnodejs::GetTFJSBackend(env);
  if (!backend) return nullptr;
  std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(), TF_DeleteStatus);
  std::vector<Tensor> inputs, outputs;
  for (size_t i = 0; i < id_count; i++) {
    const auto entry = backend->tfe_handle_map_.find(static_cast<int32_t *>(ids)[i]);
    if (entry == backend->tfe_handle_map_.end()) return Fail(env, "runKernel: unknown tensor");
    Tensor t;
    t.tensor = TFE_TensorHandleResolve(entry->second, status.get());
    if (TF_GetCode(status.get()) != TF_OK) return Fail(env, TF_Message(status.get()));
    t.data = TF_TensorData(t.tensor);
    for (int axis = 0; axis < TF_NumDims(t.tensor); axis++) t.shape.push_back(TF_Dim(t.tensor, axis));
    inputs.push_back(std::move(t));
  }
  const int32_t *cursor = static_cast<int32_t *>(shapes), *end = cursor + shape_count;
  while (cursor < end) {
    const int rank = *cursor++;
    if (rank < 0 || rank > 8 || cursor + rank > end) return Fail(env, "runKernel: wrong shapes");
    Tensor t;
    t.shape.assign(cursor, cursor + rank);
    cursor += rank;
    t.tensor = Allocate(t.shape, t.size() * sizeof(float));
    if (!t.tensor) return Fail(env, "runKernel: no memory");
    t.data = TF_TensorData(t.tensor);
    outputs.push_back(std::move(t));
  }
  const double *numbers = static_cast<double *>(parameters);
  if (!FitsArity(kernel, inputs, outputs.size(), numbers))
    return Fail(env, "runKernel: wrong number of inputs or outputs");
  try {
    Run(kernel, inputs, outputs, numbers);
  } catch (const std::bad_alloc &) {
    return Fail(env, "runKernel: no memory");
  }
  napi_value result;
  if (napi_create_array_with_length(env, outputs.size(), &result) != napi_ok) return Fail(env, "runKernel: no array");
  for (size_t i = 0; i < outputs.size(); i++) {
    TFE_TensorHandle *handle = TFE_NewTensorHandle(outputs[i].tensor, status.get());
    if (TF_GetCode(status.get()) != TF_OK) return Fail(env, TF_Message(status.get()));
    napi_value id;
    if (napi_create_int32(env, backend->InsertHandle(handle), &id) != napi_ok ||
        napi_set_element(env, result, i, id) != napi_ok)
      return Fail(env, "runKernel: no result");
  }
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
#ifdef __GLIBC__
  // else what a large free puts the thresholds up to stays in the heap, unused, for good
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
#endif
  napi_value result = tfnodejs::InitTFNodeJSBinding(env, exports);
  napi_value function;
  if (napi_create_function(env, "runKernel", NAPI_AUTO_LENGTH, RunKernel, nullptr, &function) == napi_ok)
    napi_set_named_property(env, exports, "runKernel", function);
  napi_value has_tiles;
  if (napi_get_boolean(env, srcode::HasTiles(), &has_tiles) == napi_ok)
    napi_set_named_property(env, exports, "hasTiles", has_tiles);
  return result ? result : exports;
}
