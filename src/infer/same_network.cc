#include "infer/same_network.h"

#include <algorithm>

#include <fmt/format.h>

namespace palate {
namespace {

template <class Fields>
std::string difference_of_fields(const Fields& now, const Fields& before) {
  for (const auto& field : now) {
    const auto was = std::ranges::find(before, field.name, &Fields::value_type::name);
    if (was == before.end()) return fmt::format("it did not read '{}'", field.name);
    if (was->owner != field.owner) return fmt::format("'{}' was another's", field.name);
    if (was->width != field.width) {
      return fmt::format("'{}' is {} wide, and was {}", field.name, field.width, was->width);
    }
    if constexpr (requires { field.pooling; }) {
      if (was->pooling != field.pooling) {
        return fmt::format("ids of '{}' are read in another way", field.name);
      }
    }
  }
  for (const auto& field : before) {
    if (std::ranges::find(now, field.name, &Fields::value_type::name) != now.end()) continue;
    return fmt::format("it read '{}', which there is not any more", field.name);
  }
  return {};
}

bool same(const Op& now, const Op& before) {
  return now.kind == before.kind && now.name == before.name && now.inputs == before.inputs &&
         now.width == before.width && now.field == before.field && now.length == before.length &&
         now.parts == before.parts && now.rank == before.rank && now.scale == before.scale &&
         now.activation == before.activation;
}

bool same(const Output& now, const Output& before) {
  return now.name == before.name && now.value == before.value && now.link == before.link &&
         now.thresholds.size() == before.thresholds.size();
}

}  // namespace

std::string difference_of(const NetworkSpec& now, const NetworkSpec& before) {
  if (auto said = difference_of_fields(now.sparse, before.sparse); !said.empty()) return said;
  if (auto said = difference_of_fields(now.dense, before.dense); !said.empty()) return said;
  const auto is_same = [](const auto& a, const auto& b) { return same(a, b); };
  if (!std::ranges::equal(now.outputs, before.outputs, is_same)) return "it foresaw other outcomes";
  if (!std::ranges::equal(now.ops, before.ops, is_same)) return "its layers were others";
  for (size_t f = 0; f < now.sparse.size(); ++f) {
    if (now.sparse[f].name != before.sparse[f].name) return "its fields were in another order";
  }
  for (size_t f = 0; f < now.dense.size(); ++f) {
    if (now.dense[f].name != before.dense[f].name) return "its numbers were in another order";
  }
  return {};
}

}  // namespace palate
