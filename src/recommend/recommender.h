// One Recommender over one release: candidates from models, filters, the ranked page, and why.
// Immutable after load, thread-safe; a new release is a new Recommender that replaces the old by
// shared_ptr.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "features/live_state.h"
#include "models/model.h"
#include "registry/registry.h"

namespace palate {

// Limits of a request; more is kInvalidArgument.
inline constexpr size_t kItemsPerPageMax = 1000;
inline constexpr size_t kExcludedMax = 10'000;
inline constexpr size_t kCategoriesMax = 100;
inline constexpr size_t kReasonsMax = 20;

struct RecommendRequest {
  std::string user = {};                     // empty: nobody known
  size_t n = 10;                             // 1 to kItemsPerPageMax
  std::vector<std::string> exclude = {};     // external item ids
  std::vector<std::string> categories = {};  // any of them; empty: all
  bool include_consumed = false;
  std::string cursor = {};        // of the page before
  bool titles = true;             // false: left empty
  std::string language = {};      // of titles
  std::string context_json = {};  // kept with the request; no model of this release reads it
  size_t explain = 0;             // reasons an item
  AsOf after = {};                // answer only from state that has reached it …
  int64_t deadline_us = 100'000;  // … or say so when this has passed
};

struct RecommendedItem {
  ItemIx ix;
  std::string item, title;
  float score = 0;
  std::string
      source;  // kind of the model that proposed it; "catalogue": none knows it, newest first
  struct Reason {
    std::string item, title;
    float score = 0;
  };
  std::vector<Reason> reasons;
};

struct Slate {
  std::string request_id;
  std::vector<RecommendedItem> items;
  std::string source;   // model kind that ranked it
  std::string version;  // of that model
  uint64_t release = 0;
  bool personalized = false;
  bool known_user = false;
  // When not personalized: "no user", "unknown user", "no history", "no consent", "no personal
  // model", "nothing in the history that the model knows".
  std::string why;
  bool fresh = true;  // false: `after` was not reached in time
  AsOf as_of;
  std::string cursor;  // empty: nothing is left
};

struct SimilarRequest {
  std::string item = {};
  size_t n = 10;  // 1 to kItemsPerPageMax
  std::vector<std::string> exclude = {}, categories = {};
  std::string language = {};
};

// How long a stage (recommend/catalog.h) has taken so far.
struct StageTiming {
  std::string_view name;
  uint64_t calls = 0;
  uint64_t total_ns = 0;
};

struct LoadedRelease;  // recommend/draft.h

class Recommender {
 public:
  // Loads and checks every model of the release against the catalogue's dictionary, the features
  // and the event types. `state` must outlive it. Errors: kConflict names what does not fit and
  // what to do, and those of Registry::open().
  static Result<std::shared_ptr<const Recommender>> load(const Registry& registry,
                                                         const Release& release,
                                                         const LiveState& state,
                                                         uint64_t event_types_fingerprint);
  ~Recommender();

  // Pages of one request (the same user and filters, and the cursor of the page before) give each
  // allowed item once and none that was consumed meanwhile. A page is the personal list where there
  // is one, continued from popularity and then from what no model knows yet.
  // Errors: kInvalidArgument (unknown category, foreign or broken cursor, n out of range),
  // kConflict (the cursor is of another release, or of a user who has changed too much),
  // kUnavailable (no model).
  Result<Slate> recommend(const RecommendRequest& request) const;
  // As recommend() for each, in order, with all personal lists ranked in one pass over the items:
  // for lists made in bulk, some ten times faster a user. The catalogue's writer waits meanwhile,
  // so a live server should not ask for hundreds.
  std::vector<Result<Slate>> recommend_together(std::span<const RecommendRequest> requests) const;
  // Errors: kNotFound for an unknown item, kUnavailable when no model of the release can.
  Result<Slate> similar(const SimilarRequest& request) const;
  [[nodiscard]] const Release& release() const;
  [[nodiscard]] std::vector<ModelInfo> models() const;
  [[nodiscard]] std::vector<StageTiming> stage_timings() const;

 private:
  explicit Recommender(std::unique_ptr<const LoadedRelease> loaded);
  std::unique_ptr<const LoadedRelease> loaded_;
};

}  // namespace palate
