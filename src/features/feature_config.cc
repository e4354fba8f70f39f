#include "features/feature_config.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "features/trust_model.h"

namespace palate {
namespace {

constexpr int kStateVersion = 3;  // of activity.h, item_signals.h and co_views.h together

}  // namespace

void FeatureConfig::fields(FieldVisitor<FeatureConfig>& field) {
  field("counters", &FeatureConfig::counters, {},
        "Keep decayed counts of every event type by user, item, category, creator and region.");
  field("trust", &FeatureConfig::trust, {},
        "Estimate how much a user's events are to be trusted, and weigh them so everywhere.");
  field("trust_model", &FeatureConfig::trust_model, {},
        "A file that palate trust wrote, to be used instead of the model that comes with Palate; "
        "\"hand-made\" for rules instead of a model.");
  field("co_views", &FeatureConfig::co_views, {.min = 0, .max = 1024, .unit = "items"},
        "How many items liked by the same users are kept with each item; 0 keeps none.");
  field("region_key", &FeatureConfig::region_key, {},
        "The key of an event's context that names its region.");
  field("segment_key", &FeatureConfig::segment_key, {},
        "The key of an event's context that names a segment of users, for local_trends; empty: "
        "none.");
  field("local_trends", &FeatureConfig::local_trends, {},
        "With counters: keep likes by item within each region and each segment, too, for "
        "`trending by=region`.");
  field("shown", &FeatureConfig::shown, {.min = 0, .max = 10'000, .unit = "impressions"},
        "How many of a user's newest impressions are kept, for the filter `cap`; 0 keeps none.");
}

uint64_t FeatureConfig::fingerprint() const {
  if (!keeps_activity()) return 0;
  return hash64(fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", kStateVersion, counters, trust, co_views,
                            counters ? region_key : "", trust ? model().fingerprint() : 0,
                            keeps_local() ? segment_key + "*" : "", shown));
}

const TrustModel& FeatureConfig::model() const {
  return loaded_model ? *loaded_model : built_in_trust_model();
}

}  // namespace palate
