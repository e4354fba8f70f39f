// What a network is asked: the fields of a request and of its candidates, by the order of the spec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "infer/network_spec.h"

namespace palate {

// The ids of one sparse field. One row if the owner is the request, else a row per candidate.
struct SparseValues {
  std::span<const uint32_t> ids;
  // Row i has ids[offsets[i] … offsets[i + 1]): rows + 1 numbers, ascending from 0 to ids.size().
  // Empty: one id a row. A field of kOne has at most one id a row; a sequence has the newest last,
  // and may be longer than what reads it.
  std::span<const uint32_t> offsets;
};

// Not owning. A field of numbers has `width` numbers a row, and rows as above.
struct NetworkRequest {
  size_t candidates = 0;
  std::span<const SparseValues> sparse;           // as NetworkSpec::sparse
  std::span<const std::span<const float>> dense;  // as NetworkSpec::dense
};

// Errors: kInvalidArgument with the field and what does not fit.
Status check_request(const NetworkSpec& spec, const NetworkRequest& request);

}  // namespace palate
