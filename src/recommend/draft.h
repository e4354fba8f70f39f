// A request on its way through the stages (recommend/catalog.h): what is known so far. One thread
// works on a draft; its catalogue view makes the writer wait, so it lives for one request.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "recommend/cursor.h"
#include "recommend/recommender.h"

namespace palate {

inline constexpr size_t kStagesMax = 32;
// The newest events that a ranking reads. State keeps some more (HistoryLimits::events_max), so
// that the pages of somebody with a full history still fit together while new events come in.
inline constexpr size_t kHistoryWindow = 400;

struct LoadedModel {
  std::unique_ptr<const Model> model;
  ItemBitmap known;  // items that top_k() can return
};

struct StageTimer {
  std::atomic<uint64_t> calls{0}, total_ns{0};
};

// A release as it answers: immutable but for the timers.
struct LoadedRelease {
  Release release;
  const LiveState* state = nullptr;
  std::vector<LoadedModel> models;
  const LoadedModel* personal = nullptr;  // answers who has a history …
  const LoadedModel* popular = nullptr;   // … and everybody
  const LoadedModel* similar = nullptr;
  mutable std::array<StageTimer, kStagesMax> timers;

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
};

struct Draft {
  const RecommendRequest& request;
  const LoadedRelease& loaded;
  Workspace& work;

  // Stage "request".
  std::optional<Cursor> cursor{};
  uint64_t request_hash = 0;
  // Stage "user".
  uint64_t events_end = 0;
  std::shared_ptr<const UserState> user{};
  Query query{};
  uint64_t history_hash = 0;
  // Stage "filter"; drafts that are answered together share one view.
  std::shared_ptr<const Catalogue::View> view{};
  // The head of the personal list, where drafts were ranked together (recommender.cc).
  std::vector<Scored> ranked_together{};
  // Stage "rank": up to n, best first.
  std::vector<Candidate> ranked{};
  bool more = false;  // something is left after them

  Slate slate{};
};

}  // namespace palate
