// The binding of @tensorflow/tfjs-node-gpu plus one function, `runKernel`, that runs our fused kernels on the memory of
// TensorFlow's own CPU tensors. Kernels may write into their inputs (caches, moments): those are only ever held by the
// caller.
#include <node_api.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
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
  kSkinnyMatMul, kDecodeLayer, kPickLogProbs, kSampleRows, kAdamW, kTileMatMul, kTileLinears, kTileLinearsGrad,
  kTileOuters, kLowRank, kLowRankGrad, kCompressWeights, kAdd, kSumOfSquares, kCopy, kFill, kCopyInto, kAddOuter, kAddRows, kKernelCount
};
/** Inputs and outputs of each kernel; −1: as many as there are, which the kernel itself checks. */
const int kArity[kKernelCount][2] = {{2, 2}, {4, 2}, {2, 1}, {3, 2}, {7, 2}, {10, 3}, {9, 0}, {9, 1}, {3, 0}, {2, 1}, {33, 1},
                                     {2, 1}, {2, 2}, {4, 1}, {2, 1}, {-1, -1}, {-1, 1}, {-1, -1}, {-1, -1}, {-1, -1}, {1, 2}, {2, 1}, {1, 1},
                                     {1, 1}, {0, 1}, {2, 0}, {3, 0}, {3, 0}};
/** Products that one kernel takes. */
constexpr size_t kMostLinears = 3;

/** True when the numbers of inputs and outputs fit the kernel. */
bool FitsArity(int kernel, size_t inputs, size_t outputs) {
  const auto in = [&](size_t first, size_t each) {
    return inputs > first && (inputs - first) % each == 0 && (inputs - first) / each <= kMostLinears;
  };
  switch (kernel) {
    case kTileLinears:
    case kTileOuters: return in(1, 1) && outputs == inputs - 1;
    case kTileLinearsGrad: return in(0, 2) && outputs == 1;
    case kLowRank: return in(1, 3) && outputs == (inputs - 1) / 3;
    case kLowRankGrad: return in(2, 4) && outputs == (inputs - 2) / 4 * 2;
    default:
      return inputs == static_cast<size_t>(kArity[kernel][0]) && outputs == static_cast<size_t>(kArity[kernel][1]);
  }
}

/** Runs work(first, count) over n items, in slices on all cores when each has `cost` numbers and they are many. */
template <typename Work>
void Sliced(int64_t n, int64_t cost, const Work &work) {
  if (n * cost < 1 << 15) return work(0, n);
  constexpr int kSlices = 16;
  srcode::ParallelFor(kSlices, [&](int i) {
    const int64_t from = n * i / kSlices, to = n * (i + 1) / kSlices;
    if (to > from) work(from, to - from);
  });
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

void Run(int kernel, const std::vector<Tensor> &in, const std::vector<Tensor> &out, const double *p) {
  const auto rows_of = [](const Tensor &t) { return static_cast<int>(t.shape[0]); };
  const srcode::AttentionShape shape{static_cast<int>(p[0]), static_cast<int>(p[1]), static_cast<int>(p[2]),
                                     static_cast<int>(p[3]), static_cast<int>(p[4])};
  switch (kernel) {
    case kRmsNorm: {
      const int d = static_cast<int>(in[1].size());
      const float epsilon = static_cast<float>(p[0]);
      Sliced(rows_of(in[0]), d, [&](int64_t at, int64_t n) {
        srcode::RmsNorm(static_cast<int>(n), d, in[0].f() + at * d, in[1].f(), epsilon, out[0].f() + at * d,
                        out[1].f() + at);
      });
      return;
    }
    case kRmsNormGrad:
      srcode::RmsNormGrad(rows_of(in[0]), static_cast<int>(in[1].size()), in[0].f(), in[1].f(), in[2].f(), in[3].f(),
                          out[0].f(), out[1].f());
      return;
    case kSwiGlu:
      Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        srcode::SwiGlu(n, in[0].f() + at, in[1].f() + at, out[0].f() + at);
      });
      return;
    case kSwiGluGrad:
      Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        srcode::SwiGluGrad(n, in[0].f() + at, in[1].f() + at, in[2].f() + at, out[0].f() + at, out[1].f() + at);
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
    case kDecodeLayer: {
      // x, norms, weights, biases, cache, factors: what a layer does not have are tensors of no elements
      const auto optional = [&](int i) { return in[i].size() > 0 ? in[i].f() : nullptr; };
      const int hidden = static_cast<int>(in[0].shape[1]), inner = rows_of(in[7]);
      const auto linear = [&](int weight, int k, int bias, int factors) {
        const Tensor &a = in[factors], &b = in[factors + 1];
        return srcode::DecodeLinear{WeightsOf(in[weight], k), bias > 0 ? optional(bias) : nullptr, a.f(), b.f(),
                                    a.size() > 0 ? rows_of(a) : 0};
      };
      const srcode::DecodeLayerWeights layer{hidden,
                                             inner,
                                             static_cast<float>(p[0]),
                                             static_cast<float>(p[1]),
                                             in[1].f(),
                                             in[6].f(),
                                             linear(2, hidden, 10, 19),
                                             linear(3, hidden, 11, 21),
                                             linear(4, hidden, 12, 23),
                                             linear(5, shape.heads * shape.d, 0, 25),
                                             linear(7, hidden, 0, 27),
                                             linear(8, hidden, 0, 29),
                                             linear(9, inner, 0, 31)};
      const srcode::DecodeLayerState state{shape.heads, shape.kv_heads, shape.d, static_cast<int>(p[5]), in[13].i(),
                                           in[14].i(), in[15].f(), in[16].f(), in[17].f(), in[18].f()};
      srcode::DecodeLayer(layer, state, rows_of(in[0]), in[0].f(), out[0].f());
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
    case kTileLinears: {
      // x, W…: y = x·Wᵀ
      const int m = rows_of(in[0]), k = static_cast<int>(in[0].shape[1]);
      srcode::TileSide others[kMostLinears];
      for (size_t i = 0; i < out.size(); i++)
        others[i] = {in[1 + i].f(), k, 1, rows_of(in[1 + i]), out[i].f(), rows_of(in[1 + i])};
      srcode::TileProducts({in[0].f(), k, 1, m}, others, static_cast<int>(out.size()), k, true, false);
      return;
    }
    case kTileLinearsGrad: {
      // W…, dy…: dx = Σ dy·W
      const size_t count = in.size() / 2;
      const int n = static_cast<int>(in[0].shape[1]);
      for (size_t i = 0; i < count; i++) {
        const int m = rows_of(in[count + i]), k = rows_of(in[i]);
        const srcode::TileSide other{in[i].f(), 1, n, n, out[0].f(), n};
        srcode::TileProducts({in[count + i].f(), k, 1, m}, &other, 1, k, true, i > 0);
      }
      return;
    }
    case kTileOuters: {
      // x, dy…: dW = dyᵀ·x
      const int k = rows_of(in[0]), n = static_cast<int>(in[0].shape[1]);
      srcode::TileSide others[kMostLinears];
      for (size_t i = 0; i < out.size(); i++) {
        const int lines = static_cast<int>(in[1 + i].shape[1]);
        others[i] = {in[1 + i].f(), 1, lines, lines, out[i].f(), n};
      }
      srcode::TileProducts({in[0].f(), 1, n, n}, others, static_cast<int>(out.size()), k, false, false);
      return;
    }
    case kLowRank: {
      // x, (a, b, y)…: z = scale·x·aᵀ, y += z·bᵀ in place
      const int m = rows_of(in[0]), k = static_cast<int>(in[0].shape[1]);
      for (size_t i = 0; i < out.size(); i++) {
        const Tensor &a = in[1 + 3 * i], &b = in[2 + 3 * i], &y = in[3 + 3 * i];
        srcode::LowRank(m, k, rows_of(b), rows_of(a), static_cast<float>(p[i]), in[0].f(), a.f(), true, b.f(), true,
                        out[i].f(), y.f());
      }
      return;
    }
    case kLowRankGrad: {
      // x, dx, (a, b, z, dy)…: g = scale·dy·b, dx += g·a in place, da = gᵀ·x, db = dyᵀ·z
      const int m = rows_of(in[0]), k = static_cast<int>(in[0].shape[1]);
      std::vector<srcode::OuterProduct> products;
      std::vector<float> gs[kMostLinears];
      for (size_t i = 0; i < out.size() / 2; i++) {
        const Tensor &a = in[2 + 4 * i], &b = in[3 + 4 * i], &z = in[4 + 4 * i], &dy = in[5 + 4 * i];
        const int rank = rows_of(a), n = rows_of(b);
        gs[i].resize(static_cast<size_t>(m) * rank);
        srcode::LowRank(m, n, k, rank, static_cast<float>(p[i]), dy.f(), b.f(), false, a.f(), false, gs[i].data(),
                        in[1].f());
        products.push_back({k, rank, gs[i].data(), in[0].f(), false, out[2 * i].f()});
        products.push_back({n, rank, z.f(), dy.f(), true, out[2 * i + 1].f()});
      }
      srcode::LowRankOuter(m, products.data(), static_cast<int>(products.size()));
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
      Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        const float *a = in[0].f() + at, *b = in[1].f() + at;
        float *to = out[0].f() + at;
        for (int64_t i = 0; i < n; i++) to[i] = a[i] + b[i];
      });
      return;
    case kCopy:
      Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        std::memcpy(out[0].f() + at, in[0].f() + at, n * sizeof(float));
      });
      return;
    case kFill:
      Sliced(out[0].size(), 1, [&](int64_t at, int64_t n) {
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
      Sliced(in[0].size(), 1, [&](int64_t at, int64_t n) {
        srcode::AdamW(step, n, in[0].f() + at, in[1].f() + at, in[2].f() + at, in[3].f() + at, out[0].f() + at);
      });
      return;
    }
  }
}

/** runKernel(kernel, inputIds Int32Array, parameters Float64Array of 6, shapes Int32Array [rank, sizes…]…) → ids. */
napi_value RunKernel(napi_env env, napi_callback_info info) {
  napi_value args[4];
  size_t count = 4;
  int32_t kernel;
  void *ids, *parameters, *shapes;
  size_t id_count, parameter_count, shape_count;
  if (napi_get_cb_info(env, info, &count, args, nullptr, nullptr) != napi_ok || count != 4 ||
      napi_get_value_int32(env, args[0], &kernel) != napi_ok || kernel < 0 || kernel >= kKernelCount ||
      !TypedArray(env, args[1], napi_int32_array, &ids, &id_count) ||
      !TypedArray(env, args[2], napi_float64_array, &parameters, &parameter_count) || parameter_count != 6 ||
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
  if (!FitsArity(kernel, inputs.size(), outputs.size())) return Fail(env, "runKernel: wrong number of inputs or outputs");
  Run(kernel, inputs, outputs, static_cast<double *>(parameters));
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
