// Vectors of floats in the widest registers that this build may use.
#ifndef SRCODE_VECTORS_H_
#define SRCODE_VECTORS_H_

#ifdef __FMA__
#include <immintrin.h>
#endif

namespace srcode {

/** Floats of any alignment, in whatever registers the processor has (GCC's and Clang's vector extension). */
typedef float Vector8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Vector16 __attribute__((vector_size(64), aligned(4), may_alias));
#ifdef __AVX512F__
typedef Vector16 Vector;
/** How many vectors the processor's registers hold. */
constexpr int kRegisters = 32;
#else
typedef Vector8 Vector;
constexpr int kRegisters = 16;
#endif
/** A vector as registers hold it: compilers keep arrays of the other types, which may lie anywhere, in memory. */
typedef float Register __attribute__((vector_size(sizeof(Vector))));
constexpr int kLanes = sizeof(Vector) / sizeof(float);

inline Vector Load(const float *p) { return *reinterpret_cast<const Vector *>(p); }
inline void Store(float *p, Vector v) { *reinterpret_cast<Vector *>(p) = v; }

/**
 * a·b + c in one instruction where there is one. Written as an expression it would be, with sums allowed in any order,
 * two products and two sums for every two of these.
 */
inline Vector8 MulAdd(Vector8 a, Vector8 b, Vector8 c) {
#ifdef __FMA__
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
inline Vector16 MulAdd(Vector16 a, Vector16 b, Vector16 c) {
#ifdef __AVX512F__
  return _mm512_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

/** The same number in every lane. */
template <typename V>
inline V Spread(float x) {
  return V{} + x;
}

}  // namespace srcode

#endif  // SRCODE_VECTORS_H_
