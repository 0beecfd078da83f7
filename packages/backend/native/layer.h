// A whole layer of a Llama and its gradient, for training: what a step calls once a layer.
#ifndef SRCODE_LAYER_H_
#define SRCODE_LAYER_H_

#include "kernels.h"

namespace srcode {

/** y = x·wᵀ + bias + scale·(x·aᵀ)·bᵀ: w [out, in], a [rank, in], b [out, rank]; bias, and a and b of rank 0, may be null. */
struct Linear {
  int out, in;
  const float *w, *bias, *a, *b;
  int rank;
  float scale;
};

enum LinearName { kQ, kK, kV, kO, kGate, kUp, kDown, kLinears };

struct Layer {
  float epsilon;
  const float *input_norm, *inner_norm;
  Linear linears[kLinears];
  AttentionShape shape;
  const int32_t *starts, *ends;
  const float *cos, *sin;

  int rows() const { return shape.batch * shape.length; }
  int hidden() const { return linears[kQ].in; }
  int inner() const { return linears[kGate].out; }
};

/** What the gradient wants kept, N = batch·length rows: z = scale·x·aᵀ [N, rank] of each product, null at rank 0. */
struct LayerKept {
  float *inner, *q, *k, *v, *mixed, *log_sums, *gate, *up, *z[kLinears];
};

/** Where a product's gradients go, or null: either the factors' or the weights' and the bias'. */
struct LinearGradients {
  float *a, *b, *w, *bias;
};

struct LayerGradients {
  float *x;
  /** Or null. */
  float *input_norm, *inner_norm;
  LinearGradients linears[kLinears];
};

/** x [N, hidden] → out. */
void LayerForward(const Layer &layer, const float *x, const LayerKept &kept, float *out);

/** Gradients given that by the output, dy [N, hidden]. Norms and gates are computed again. */
void LayerBackward(const Layer &layer, const float *x, const LayerKept &kept, const float *dy,
                   const LayerGradients &gradients);

}  // namespace srcode

#endif  // SRCODE_LAYER_H_
