// Memory of large kernel outputs. A training step makes and drops the same few sizes over and over: the C library's heap
// is torn apart by that (twice the memory that lives in it was seen), and fresh memory from the system costs more than
// filling it. So what is dropped is kept for the next of its size, as long as no more is held than once lived at the same
// time, and a little; what is beyond that is given back at once.
#ifndef SRCODE_POOL_H_
#define SRCODE_POOL_H_

#include <cstddef>

namespace srcode {

/** Smallest blocks worth it, in bytes. */
constexpr size_t kPooledFrom = size_t{1} << 18;

/** A block of at least `bytes`, or null. Contents are undefined. Any thread. */
void *TakeBlock(size_t bytes);
/** Gives back what `TakeBlock` gave for as many bytes. Any thread. */
void ReturnBlock(void *block, size_t bytes);

}  // namespace srcode

#endif  // SRCODE_POOL_H_
