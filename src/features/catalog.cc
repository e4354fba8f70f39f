// The catalogue of features: an explicit list. To add one: its files in this room, and a line here.
#include <array>
#include <string>

#include "base/hash.h"
#include "features/spec.h"

namespace palate {
namespace {

constexpr std::array<FeatureSpec, 4> kFeatures{{
    {"history", Entity::kUser, "events", "", "empty", 1,
     "The newest events that say something about the user's taste, oldest first."},
    {"consumed", Entity::kUser, "items", "", "empty", 1,
     "Every item that the user has a positive event with."},
    {"profile", Entity::kUser, "record", "", "none", 1,
     "What was posted about the user: region, language, age band, answers, consent."},
    {"item_popularity", Entity::kItem, "float", "weight", "0", 1,
     "Weights of the item's positive events, each halved every seven days."},
}};

}  // namespace

std::span<const FeatureSpec> feature_specs() { return kFeatures; }

uint64_t feature_spec_hash() {
  std::string text;
  for (const FeatureSpec& spec : kFeatures) {
    text += spec.name;
    text += '@' + std::to_string(spec.version) + '\n';
  }
  return hash64(text);
}

}  // namespace palate
