#include "pool.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mutex>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace srcode {
namespace {

/** What is kept beyond the most that ever lived at once. */
constexpr size_t kMoreKept = size_t{8} << 20;
constexpr size_t kUnit = size_t{1} << 16, kHugePage = size_t{1} << 21;

size_t Rounded(size_t bytes) { return (bytes + kUnit - 1) / kUnit * kUnit; }

#ifdef __linux__
/** From the system, on a huge page's border where one fits: the processor finds its way in those with fewer look-ups. */
void *Map(size_t bytes) {
  const size_t more = bytes >= kHugePage ? kHugePage : 0;
  void *start = mmap(nullptr, bytes + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  if (more == 0) return start;
  const uintptr_t from = reinterpret_cast<uintptr_t>(start), block = (from + more - 1) / more * more;
  if (block > from) munmap(start, block - from);
  const uintptr_t end = from + bytes + more;
  if (end > block + bytes) munmap(reinterpret_cast<void *>(block + bytes), end - block - bytes);
  madvise(reinterpret_cast<void *>(block), bytes, MADV_HUGEPAGE);
  return reinterpret_cast<void *>(block);
}
void Unmap(void *block, size_t bytes) { munmap(block, bytes); }
#else
void *Map(size_t bytes) { return std::aligned_alloc(64, bytes); }
void Unmap(void *block, size_t) { std::free(block); }
#endif

struct Block {
  void *start;
  size_t bytes;
};

struct Pool {
  std::mutex mutex;
  /** The one given back last at the end. */
  std::deque<Block> kept;
  size_t bytes = 0, living = 0, most_living = 0;

  /** Until no more is held than ever lived at once, and a little. */
  void Trim() {
    while (!kept.empty() && living + bytes > most_living + kMoreKept) {
      const Block oldest = kept.front();
      kept.pop_front();
      bytes -= oldest.bytes;
      Unmap(oldest.start, oldest.bytes);
    }
  }
};

/** Never destroyed: tensors may die after everything static has. */
Pool &ThePool() {
  static Pool *pool = new Pool;
  return *pool;
}

}  // namespace

void *TakeBlock(size_t wanted) {
  const size_t bytes = Rounded(wanted);
  Pool &pool = ThePool();
  {
    std::lock_guard<std::mutex> lock(pool.mutex);
    for (auto at = pool.kept.rbegin(); at != pool.kept.rend(); ++at) {
      if (at->bytes != bytes) continue;
      void *start = at->start;
      pool.kept.erase(std::next(at).base());
      pool.bytes -= bytes;
      pool.living += bytes;
      return start;
    }
    pool.living += bytes;
    pool.most_living = std::max(pool.most_living, pool.living);
    pool.Trim();
  }
  return Map(bytes);
}

void ReturnBlock(void *start, size_t returned) {
  const size_t bytes = Rounded(returned);
  Pool &pool = ThePool();
  std::lock_guard<std::mutex> lock(pool.mutex);
  pool.kept.push_back({start, bytes});
  pool.bytes += bytes;
  pool.living -= bytes;
  pool.Trim();
}

}  // namespace srcode
