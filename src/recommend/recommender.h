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
#include "events/decision.h"
#include "features/live_state.h"
#include "models/model.h"
#include "models/ranker/feature_drift.h"
#include "registry/registry.h"

namespace palate {

// Limits of a request; more is kInvalidArgument.
inline constexpr size_t kItemsPerPageMax = 1000;
inline constexpr size_t kExcludedMax = 10'000;
inline constexpr size_t kCategoriesMax = 100;
inline constexpr size_t kReasonsMax = 20;
inline constexpr size_t kRankedMax = 1000;  // candidates of a RankRequest

struct RecommendRequest {
  std::string user = {};                     // empty: nobody known
  size_t n = 10;                             // 1 to kItemsPerPageMax
  std::vector<std::string> exclude = {};     // external item ids
  std::vector<std::string> categories = {};  // any of them; empty: all
  std::string filter = {};                   // recommend/filter_expression.h; empty: all
  bool include_consumed = false;
  std::string pipeline = {};      // recommend/pipeline.h; empty: the configured one
  bool trace = false;             // say what each stage of the pipeline did
  bool name_last = false;         // name what the user liked last
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
  std::vector<std::string_view> proposed_by;  // stages of the pipeline
  float propensity = 1;    // of this place, given those before; below 1 where chance has a say
  bool sponsored = false;  // a stage put it there that is paid for
  struct Reason {
    std::string item, title;
    float score = 0;
  };
  std::vector<Reason> reasons;
  // Where it stood, 1 the first, after each stage that orders; 0: no longer in the head.
  struct Place {
    std::string_view stage;
    uint32_t place = 0;
  };
  std::vector<Place> places;  // of an answer that is traced
};

// What a stage of the pipeline did for one answer.
struct StageTrace {
  std::string_view stage;  // its kind …
  std::string text;        // … and how it was configured
  double us = 0;
  size_t candidates = 0;  // that a source proposed, or that are there after another stage
  std::string state;      // "ran", "failed: …", "skipped: …"
  std::string note;
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
  std::string pipeline;
  // How much of the pipeline the time was enough for: "full", "ranked" (not re-ranked),
  // "retrieved" (in the order of the sources), "plain" (the models' own lists).
  std::string_view level;
  std::vector<StageTrace> trace;  // when asked for, of a first page
  std::string last_liked;         // its title, when asked for
};

struct SimilarRequest {
  std::string item = {};
  size_t n = 10;  // 1 to kItemsPerPageMax
  std::vector<std::string> exclude = {}, categories = {};
  std::string filter = {};
  std::string language = {};
};

// Whose tastes are like a user's, among `among`.
struct SimilarUsersRequest {
  std::string user = {};
  size_t n = 10;                        // 1 to kSimilarUsersMax
  std::vector<std::string> among = {};  // external ids; of each the state is read
};
inline constexpr size_t kSimilarUsersMax = 50;
inline constexpr size_t kTastesMin = 10;  // distinct items that somebody must have liked

struct SimilarUsers {
  std::string source, version;  // the model whose vectors were compared
  struct User {
    std::string name;
    float similarity = 0;  // cosine of the vectors, in hundredths; above 0
  };
  std::vector<User> users;  // best first, ties by name
  size_t compared = 0;
};

// Candidates of somebody else, to be put in order.
struct RankRequest {
  std::string user = {};                // empty: nobody known
  std::vector<std::string> items = {};  // 1 to kRankedMax; a second mention counts for nothing
  std::string language = {};
  size_t explain = 0;
  double diversity = 0;  // 0 to 1: how much variety counts beside relevance (recommend/diversity.h)
  std::string diversifier = "dpp";  // or "mmr"
};

// What to ask somebody of whom little is known.
struct OnboardingRequest {
  std::string user = {};                     // empty: nobody known
  size_t n = 10;                             // 1 to kQuestionsMax
  std::vector<std::string> exclude = {};     // asked before
  std::vector<std::string> categories = {};  // any of them; empty: all
  std::string filter = {};
  std::string language = {};
};
inline constexpr size_t kQuestionsMax = 100;

struct RankedCandidates {
  Slate slate;                       // without a cursor
  std::vector<std::string> unknown;  // ids that no item has, as given
};

// How long a step (recommend/steps.h) has taken so far.
struct StepTiming {
  std::string_view name;
  uint64_t calls = 0;
  uint64_t total_ns = 0;
};

class Pipelines;      // recommend/pipeline.h
struct DecisionSink;  // recommend/decision.h
struct PastDecision;
struct LoadedRelease;   // recommend/draft.h
struct ExplainRequest;  // recommend/explanation.h
struct Explanation;

class Recommender {
 public:
  // What it answers from; all of it must outlive it.
  struct Parts {
    const Registry& registry;
    const LiveState& state;
    const Pipelines& pipelines;
    std::string_view pipeline = "plain";      // where a request names none
    const DecisionSink* decisions = nullptr;  // nullptr: none are logged
    // What has answered from the same state: models of the same versions are taken over with all
    // that they have gathered. It need not outlive anything. nullptr: none.
    const Recommender* before = nullptr;
  };
  // Whether the catalogue says something of items that came after training that a model which could
  // know it was not told when it was loaded.
  [[nodiscard]] bool outdated() const;
  // Loads and checks every model of the release against the catalogue's dictionary, the features
  // and the event types. Errors: kConflict names what does not fit and what to do,
  // kInvalidArgument for a pipeline that is not there, and those of Registry::open().
  static Result<std::shared_ptr<const Recommender>> load(const Parts& parts,
                                                         const Release& release);
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
  // An answer as it was made at a moment of the past, for which state, release and pipelines must
  // be those of then, and its decision. Errors: as those of what was asked.
  struct Repeated {
    Slate slate;
    DecisionRecord decision;
  };
  Result<Repeated> repeat(const PastDecision& past) const;
  // Errors: kNotFound for an unknown item, kUnavailable when no model of the release can.
  Result<Slate> similar(const SimilarRequest& request) const;
  // Only of and for people whose profile lets their tastes be used, and who liked kTastesMin items.
  // Errors: kNotFound for a user of whom nothing is known, kPermission for one whose profile does
  // not, kConflict for one who liked too little, kUnavailable when no model of the release has
  // vectors of users.
  Result<SimilarUsers> similar_users(const SimilarUsersRequest& asked) const;
  // All that were named, best first: by the personal model, then what only popularity knows, then
  // the rest as given. With `diversity`, what the first of them ranks is put into the order of that
  // diversifier. Nothing is dropped: neither what was consumed nor what is hidden. Errors: as
  // recommend().
  Result<RankedCandidates> rank(const RankRequest& asked) const;
  // Items whose answers tell the most about a taste: known to many, each unlike the others and
  // unlike what the user has answered already. Errors: as recommend().
  Result<Slate> onboarding(const OnboardingRequest& asked) const;
  // Why an item comes at its place for a request, or what drops it. Ranks the whole list: for
  // people who ask, not for every answer. Errors: as recommend(), and kNotFound for an unknown
  // item.
  Result<Explanation> explain(const ExplainRequest& asked) const;
  [[nodiscard]] const Release& release() const;
  [[nodiscard]] std::vector<ModelInfo> models() const;
  [[nodiscard]] std::vector<StepTiming> step_timings() const;
  // Of the numbers that the release's ranker reads; none without one.
  [[nodiscard]] std::vector<FeatureDrift::Shift> feature_shifts() const;

 private:
  explicit Recommender(std::unique_ptr<const LoadedRelease> loaded);
  std::unique_ptr<const LoadedRelease> loaded_;
};

}  // namespace palate
