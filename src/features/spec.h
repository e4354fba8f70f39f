// The contract of a feature: name, entity, value type, unit, default, version, sentence. The
// catalogue of features (features/catalog.h) lists them explicitly; a model's manifest pins
// spec_hash().
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace palate {

enum class Entity : uint8_t { kUser, kItem };

struct FeatureSpec {
  std::string_view name;  // "history"
  Entity entity;
  std::string_view type;  // "events", "items", "float"
  std::string_view unit;
  std::string_view default_value;
  uint32_t version;  // of its state; a mismatch rebuilds the state from the log
  std::string_view sentence;
};

std::span<const FeatureSpec> feature_specs();
// Hash of names and versions of all features, in catalogue order.
uint64_t feature_spec_hash();

}  // namespace palate
