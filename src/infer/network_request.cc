#include "infer/network_request.h"

namespace palate {
namespace {

Status check_sparse(const SparseField& field, const SparseValues& values, size_t rows) {
  if (values.offsets.empty()) {
    if (values.ids.size() == rows) return {};
    return fail(Code::kInvalidArgument, "network: field '{}' has {} ids for {} rows", field.name,
                values.ids.size(), rows);
  }
  if (values.offsets.size() != rows + 1 || values.offsets.front() != 0 ||
      values.offsets.back() != values.ids.size()) {
    return fail(Code::kInvalidArgument,
                "network: the offsets of field '{}' do not go from 0 to its {} ids in {} rows",
                field.name, values.ids.size(), rows);
  }
  for (size_t i = 0; i < rows; ++i) {
    const uint32_t begin = values.offsets[i], end = values.offsets[i + 1];
    if (end >= begin && (field.pooling != Pooling::kOne || end - begin <= 1)) continue;
    return fail(Code::kInvalidArgument, "network: row {} of field '{}' has ids {} to {}", i,
                field.name, begin, end);
  }
  return {};
}

}  // namespace

Status check_request(const NetworkSpec& spec, const NetworkRequest& request) {
  if (request.sparse.size() != spec.sparse.size() || request.dense.size() != spec.dense.size()) {
    return fail(Code::kInvalidArgument,
                "network: {} sparse and {} dense fields, the network has {} and {}",
                request.sparse.size(), request.dense.size(), spec.sparse.size(), spec.dense.size());
  }
  const auto rows = [&](FieldOwner owner) {
    return owner == FieldOwner::kRequest ? size_t{1} : request.candidates;
  };
  for (size_t f = 0; f < spec.sparse.size(); ++f) {
    TRY(check_sparse(spec.sparse[f], request.sparse[f], rows(spec.sparse[f].owner)));
  }
  for (size_t f = 0; f < spec.dense.size(); ++f) {
    const DenseField& field = spec.dense[f];
    const size_t count = rows(field.owner) * field.width;
    if (request.dense[f].size() == count) continue;
    return fail(Code::kInvalidArgument, "network: field '{}' has {} numbers, not {}", field.name,
                request.dense[f].size(), count);
  }
  return {};
}

}  // namespace palate
