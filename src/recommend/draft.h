// A request on its way through the steps (recommend/steps.h): what is known so far. One thread
// works on a draft; its catalogue view makes the writer wait, so it lives for one request.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "models/ranker/ranker.h"
#include "recommend/cursor.h"
#include "recommend/decision.h"
#include "recommend/pipeline.h"
#include "recommend/pool.h"
#include "recommend/recommender.h"
#include "recommend/taste_words.h"

namespace palate {

inline constexpr size_t kStepsMax = 32;
// The newest events that a ranking reads. State keeps some more (HistoryLimits::events_max), so
// that the pages of somebody with a full history still fit together while new events come in.
inline constexpr size_t kHistoryWindow = 400;

struct LoadedModel {
  std::shared_ptr<const Model> model;
  ItemBitmap known;  // items that top_k() can return
};

struct StepTimer {
  std::atomic<uint64_t> calls{0}, total_ns{0};
};

// A release as it answers: immutable but for the timers.
struct LoadedRelease {
  Release release;
  const LiveState* state = nullptr;
  const Pipelines* pipelines = nullptr;
  const Pipeline* pipeline = nullptr;  // where a request names none
  std::vector<LoadedModel> models;
  const LoadedModel* personal = nullptr;  // answers who has a history …
  const LoadedModel* popular = nullptr;   // … and everybody
  const LoadedModel* similar = nullptr;
  std::shared_ptr<const Ranker> ranker;     // nullptr: the release has none
  const DecisionSink* decisions = nullptr;  // nullptr: none are logged
  mutable std::array<StepTimer, kStepsMax> timers;
  mutable std::once_flag taste_words_made;
  mutable TasteWords taste_words_kept;

  // kUnavailable for a kind that the release does not have.
  [[nodiscard]] Result<const LoadedModel*> model(std::string_view kind) const;
  // Of the personal model; made when it is first asked for. Thread-safe.
  const TasteWords& taste_words() const;
  // The model behind a source, or nullptr.
  [[nodiscard]] const LoadedModel* source(SourceId id) const {
    if (id == SourceId::kPersonal) return personal;
    return id == SourceId::kPopular ? popular : nullptr;
  }
};

// Memory that a thread uses again for its next request.
struct Workspace {
  Scratch scratch;
  ItemBitmap blocked;
  ItemBitmap allowed;  // by categories
};

struct Candidate {
  ItemIx item;
  float score = 0;
  SourceId source = SourceId::kPersonal;
  uint32_t sources = 0;  // as of a HeadPlace; 0: from a model's own list
  float propensity = 1;
};

// The order of the pool after a stage; of an answer that is traced.
struct TracedOrder {
  uint32_t stage = 0;
  std::vector<ItemIx> items;
};

// What was asked.
using AskedFor = std::variant<const RecommendRequest*, const SimilarRequest*, const RankRequest*,
                              const OnboardingRequest*>;

// An answer that is made once more: as at a moment of the past, and its decision goes here.
struct AnswerAgain {
  const PastMoment* past = nullptr;
  DecisionRecord* decision = nullptr;
};

struct Draft {
  const RecommendRequest& request;
  const LoadedRelease& loaded;
  Workspace& work;
  AskedFor asked = static_cast<const RecommendRequest*>(nullptr);  // what `request` stands for
  AnswerAgain again{};

  // Of a decision that is logged (recommend/decision.h).
  bool logged = false;
  LiveState::Hold held{};
  bool steady = false;  // state is held, here or by whoever answers several together
  std::array<double, kStepsMax> step_us{};
  size_t keep = 0;
  std::vector<PoolItem> kept{};  // so many candidates, in the order that they ended in

  // Step "request".
  const Pipeline* pipeline = nullptr;
  std::optional<Cursor> cursor{};
  uint64_t request_hash = 0;
  // Step "user".
  uint64_t events_end = 0;
  std::shared_ptr<const UserState> user{};
  bool state_missing = false;  // the store did not answer
  bool consent = true;         // what is known of the user may decide what comes
  Query query{};
  uint64_t history_hash = 0;
  // Step "filter"; drafts that are answered together share one view.
  std::shared_ptr<const Catalogue::View> view{};
  // Step "candidates": what is left of the head, and what pages before gave of it.
  std::vector<HeadPlace> head{};
  std::vector<ItemIx> head_given{};
  std::vector<TracedOrder> orders{};
  std::optional<std::vector<std::string>> set_aside{};  // features the ranker was asked without
  // The beginning of the personal list, where drafts were ranked together (recommender.cc).
  std::vector<Scored> ranked_together{};
  // Step "rank": up to n, best first.
  std::vector<Candidate> ranked{};
  bool more = false;      // something is left after them
  size_t head_taken = 0;  // places of `head` up to the last item given

  Slate slate{};

  [[nodiscard]] bool traced() const { return request.trace || logged; }
};

}  // namespace palate
