// What one core of this machine can at best do: the limits that search is held against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// GB/s of reading `data` once from its beginning to its end, the best of some tries. It should be
// much larger than the caches.
double read_gbs(std::span<const uint64_t> data);
// GFLOP/s of fused multiplications and additions in registers.
double fp32_gflops();
