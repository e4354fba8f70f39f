// The [features] section: what is folded besides histories and popularity. All of it is off by
// default, because it costs memory and time at every event.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/config.h"

namespace palate {

struct TrustModel;

struct FeatureConfig {
  bool counters = false;
  bool trust = false;
  int64_t co_views = 0;  // partners kept of each item
  int64_t shown = 0;     // impressions kept of each user
  bool local_trends = false;
  std::string trust_model;  // a file (docs/formats/trust-model.md), or what comes with Palate
  std::string region_key = "region";
  std::string segment_key;
  static void fields(FieldVisitor<FeatureConfig>& field);

  // Somebody reads what a user did besides what he likes.
  [[nodiscard]] bool keeps_activity() const {
    return counters || trust || co_views > 0 || shown > 0;
  }
  [[nodiscard]] bool keeps_local() const { return counters && local_trends; }
  // What trust_model names: read once by load_trust_model() (features/trust_model.h).
  [[nodiscard]] const TrustModel& model() const;
  std::shared_ptr<const TrustModel> loaded_model;  // nullptr: what comes with Palate

  // 0 when nothing is switched on; another figure means that the state is folded anew.
  [[nodiscard]] uint64_t fingerprint() const;
};

}  // namespace palate
