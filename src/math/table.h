// Memory for tables of vectors: aligned to a cache line, which a load of kLanes floats would else
// straddle (that halves the speed of the kernels in rows.h), and on huge pages where the system
// grants them: rows are read in random order, and a table of many small pages misses the TLB at
// almost every one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <vector>

namespace palate {

template <class T>
struct TableAllocator {
  using value_type = T;
  static constexpr size_t kLine = 64, kHugePage = size_t{2} << 20;

  TableAllocator() = default;
  template <class U>
  TableAllocator(const TableAllocator<U>&) {}  // NOLINT: allocators convert

  static constexpr std::align_val_t alignment(size_t bytes) {
    return std::align_val_t{bytes >= 2 * kHugePage ? kHugePage : kLine};
  }
  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T);
    void* out = ::operator new(bytes, alignment(bytes));
    // Only advice: a refusal costs speed and nothing else.
    if (bytes >= 2 * kHugePage) (void)madvise(out, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    return static_cast<T*>(out);
  }
  void deallocate(T* at, size_t count) { ::operator delete(at, alignment(count * sizeof(T))); }
  bool operator==(const TableAllocator&) const = default;
};

using FloatTable = std::vector<float, TableAllocator<float>>;

}  // namespace palate
