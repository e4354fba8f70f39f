// One Recommender over one release: candidates from models, filters, the ranked page, and why.
// Immutable after load, thread- safe; a new release is a new Recommender that replaces the old by
// shared_ptr.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "features/live_state.h"
#include "models/model.h"
#include "registry/registry.h"

namespace palate {

struct RecommendRequest {
  std::string user;                     // empty: nobody known
  size_t n = 10;                        // 1–1000
  std::vector<std::string> exclude;     // external item ids
  std::vector<std::string> categories;  // any of them; empty: all
  bool include_consumed = false;
  std::string cursor;             // of the page before
  std::string language;           // of titles
  std::string context_json;       // kept with the request; no model of this release reads it
  size_t explain = 0;             // reasons an item
  std::optional<Position> after;  // answer only from state that has reached it …
  int64_t deadline_us = 100'000;  // … or say so when this has passed
};

struct RecommendedItem {
  ItemIx ix;
  std::string item, title;
  float score = 0;
  std::string source;  // kind of the model that proposed it
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
  std::string why;    // when not personalized: "unknown user", "no history", "no consent"
  bool fresh = true;  // false: `after` was not reached in time
  AsOf as_of;
  std::string cursor;  // empty: nothing is left
};

struct SimilarRequest {
  std::string item;
  size_t n = 10;
  std::vector<std::string> exclude, categories;
  std::string language;
};

class Recommender {
 public:
  // Loads and checks every model of the release against the catalogue's dictionary. Errors name
  // what does not fit.
  static Result<std::shared_ptr<const Recommender>> load(const Registry& registry,
                                                         const Release& release,
                                                         const LiveState& state,
                                                         uint64_t event_types_fingerprint);
  ~Recommender();

  // Errors: kInvalidArgument (unknown category, bad cursor, n out of range), kUnavailable (no
  // model).
  Result<Slate> recommend(const RecommendRequest& request) const;
  // Errors: kNotFound for an unknown item, kUnavailable when no model of the release can.
  Result<Slate> similar(const SimilarRequest& request) const;
  [[nodiscard]] const Release& release() const;
  [[nodiscard]] std::vector<ModelInfo> models() const;

 private:
  struct State;
  explicit Recommender(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
