// What a feature says of itself: name, entity, value type, unit, default, version, sentence. The
// catalogue (features/catalog.cc) lists them explicitly; a model's manifest pins
// feature_spec_hash(). Features that become one number for (user, item, moment):
// features/feature.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace palate {

enum class Entity : uint8_t { kUser, kItem, kPair };

struct FeatureSpec {
  std::string_view name;  // "history"
  Entity entity;
  std::string_view type;  // "events", "items", "float"
  std::string_view unit;
  std::string_view default_value;
  uint32_t version;  // of its state; a mismatch rebuilds the state from the log
  std::string_view sentence;
};

// What is folded whatever the configuration says, and what every model may read.
std::span<const FeatureSpec> feature_specs();
// Hash of the names and versions of feature_specs().
uint64_t feature_spec_hash();

}  // namespace palate
