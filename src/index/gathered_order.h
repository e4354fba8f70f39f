// An order of rows in which every run of some hundred lies close together, so that what one row of
// a run scores says something of the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "math/stored_rows.h"

namespace palate {

// Reorders `items` (rows of `table`, finite; longest first) so that each `run` of them, from the
// beginning, is a leaf of a tree: halved by length while the longest is more than twice the
// shortest, else at the median along the first principal component of a sample (Sproull:
// "Refinements to nearest-neighbor searching in k-dimensional trees", Algorithmica 1991, section
// 4). All leaves but one are full. The same rows give the same order, on one kind of processor.
// O(n · dim · log(n / run)).
void gather(const StoredRows& table, std::span<uint32_t> items, size_t run);

}  // namespace palate
