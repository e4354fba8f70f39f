// A feature: one number for a user, an item or both, at a moment. One small file each under
// defined/, one line in defined/features.cc. It is read from what is folded (histories, activity,
// counts, co-views) and has no state of its own, so that serving, replay and training share one
// function: what differs is only up to where the log was folded.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "features/catalogue.h"
#include "features/feature_config.h"
#include "features/history.h"
#include "features/item_popularity.h"
#include "features/item_signals.h"
#include "features/sessions.h"
#include "features/spec.h"

namespace palate {

// What was folded up to the moment. Views are held by the caller, the catalogue's taken first.
struct FeatureSources {
  const EventTypes* types = nullptr;
  const Catalogue::View* items = nullptr;
  const ItemPopularity* popularity = nullptr;
  const ItemSignals::View* signals = nullptr;  // nullptr without [features]
};

// Who asks, and when.
struct FeatureMoment {
  const UserState* user = nullptr;  // nullptr: nobody known
  std::string_view region;          // of the request; empty: the profile's
  TimeUs now;
};

// What several features of one reading share.
struct FeatureScratch {
  std::vector<HistoryEntry> events;  // by_time()
  Sessions sessions;
  Tastes tastes;
  std::vector<ItemTraits> traits;  // of each candidate
};

struct FeatureInput {
  const FeatureSources& from;
  const FeatureMoment& moment;
  const FeatureScratch& derived;
  const DecayedCounts::Moment& decay;
  std::span<const ItemIx> items;  // candidates; read features of users ignore them
};

// What stands behind the name: "item_count:click:1d".
struct FeatureArguments {
  EventTypeId type;
  HalfLife half_life = kDay;
};

// A column of the matrix that is filled: item i is at(i).
class FeatureColumn {
 public:
  FeatureColumn(float* first, size_t stride) : first_(first), stride_(stride) {}
  float& at(size_t item) const { return first_[item * stride_]; }

 private:
  float* first_;
  size_t stride_;
};

struct Feature {
  FeatureSpec spec;
  bool by_type = false, by_half_life = false;  // takes them as arguments, in this order
  bool FeatureConfig::* needs_flag = nullptr;  // of [features], else it reads as its default
  bool needs_co_views = false;
  // Fills the column: at(0) alone for a user's feature.
  void (*read)(const FeatureInput& in, const FeatureArguments& arguments, FeatureColumn out);
};

std::span<const Feature> features();

}  // namespace palate
