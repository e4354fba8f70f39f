#include "models/model.h"

namespace palate {

Result<std::vector<Scored>> Model::similar(ItemIx, size_t, const ItemFilter&, Scratch&) const {
  return fail(Code::kUnavailable, "model '{}' has no similar items; als has", info().kind);
}

Result<std::vector<Contribution>> Model::explain(const Query&, ItemIx, size_t, Scratch&) const {
  return fail(Code::kUnavailable, "model '{}' does not explain its answers; als does", info().kind);
}

Result<std::vector<float>> Model::user_vector(const Query&, Scratch&) const {
  return fail(Code::kUnavailable, "model '{}' has no user vectors; als has", info().kind);
}

}  // namespace palate
