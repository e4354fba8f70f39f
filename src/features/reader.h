// Reads a list of features as dense rows of floats, one a candidate: what models get for
// (user, candidates, moment).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "features/feature.h"

namespace palate {

class FeatureReader {
 public:
  // Names as in the reference (docs/reference/features.md), with their arguments:
  // "user_recency_h", "item_count:click:1d". Errors: kInvalidArgument for one that is not there,
  // whose arguments are wrong, or that `config` keeps nothing for.
  static Result<FeatureReader> make(std::span<const std::string> names, const EventTypes& types,
                                    const FeatureConfig& config);
  // Names of all features with every combination of arguments that `config` keeps.
  static std::vector<std::string> all_names(const EventTypes& types, const FeatureConfig& config);

  [[nodiscard]] size_t size() const { return wanted_.size(); }
  // Of names and versions, in order: what a model was trained with.
  [[nodiscard]] uint64_t hash() const { return hash_; }

  struct Request {
    const FeatureSources& from;
    const FeatureMoment& moment;
    std::span<const ItemIx> items;
  };
  // `out` has items × size() floats, row by row. Thread-safe with a scratch for each thread.
  void read(const Request& request, std::span<float> out, FeatureScratch& scratch) const;

 private:
  struct Wanted {
    const Feature* feature;
    FeatureArguments arguments;
  };
  std::vector<Wanted> wanted_;
  uint64_t hash_ = 0;
};

}  // namespace palate
