// Runs a pipeline: filters in step "filter", all else in step "candidates".
#include <algorithm>
#include <chrono>

#include "recommend/filters.h"
#include "recommend/pipeline_stage.h"

namespace palate {
namespace {

using Clock = std::chrono::steady_clock;

// States of a StageTrace, or how they begin.
constexpr std::string_view kRan = "ran", kFailed = "failed: ", kSkipped = "skipped: ";

CandidatePool& pool_of_thread() {
  thread_local CandidatePool pool;
  return pool;
}

// What is left out when the time is up, the cheapest to lose first: whole parts, so that an answer
// is never half re-ranked.
constexpr std::string_view level_without(StagePart part) {
  switch (part) {
    case StagePart::kReranker:
      return "ranked";
    case StagePart::kRanker:
      return "retrieved";
    default:
      return "plain";
  }
}

class Runner {
 public:
  Runner(Draft& draft, CandidatePool& pool)
      : draft_(draft),
        run_{.draft = draft, .pool = pool, .places = static_cast<size_t>(draft.pipeline->places)},
        begin_(Clock::now()) {}

  // Errors: those of a filter; any other stage that fails is left out.
  Status run(StagePart first, StagePart last) {
    const auto& stages = draft_.pipeline->stages;
    for (uint32_t i = 0; i < stages.size(); ++i) {
      const PipelineStage& stage = stages[i];
      if (stage.part < first || stage.part > last) continue;
      if (stage.part > StagePart::kSource && !merged_) merge();
      if (too_late(stage)) {
        note(stage, 0, 0, fmt::format("{}the time is up", kSkipped));
        continue;
      }
      TRY(run_one(i));
    }
    if (last == StagePart::kReranker && !merged_) merge();
    return {};
  }
  [[nodiscard]] std::string_view level() const { return level_; }

 private:
  void merge() {
    run_.pool.merge();
    merged_ = true;
    // Nothing was proposed in time: the models' own lists answer.
    if (run_.pool.items.empty()) level_ = "plain";
  }
  bool too_late(const PipelineStage& stage) {
    if (stage.part == StagePart::kFilter) return false;
    if (late_ && stage.part >= *late_) return true;
    // The first source always runs: an answer without candidates would be none of this pipeline.
    if (!is_over(stage) || (stage.part == StagePart::kSource && run_.pool.items.empty()))
      return false;
    late_ = stage.part;
    level_ = stage.part == StagePart::kSource ? level_without(StagePart::kRanker)
                                              : level_without(stage.part);
    return true;
  }
  [[nodiscard]] bool is_over(const PipelineStage& stage) const {
    if (draft_.again.past != nullptr) return past_of(stage).starts_with(kSkipped);
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin_).count();
    return ms > draft_.pipeline->deadline_ms;
  }
  // What became of it when this was answered first.
  [[nodiscard]] std::string_view past_of(const PipelineStage& stage) const {
    const auto number = static_cast<size_t>(&stage - draft_.pipeline->stages.data());
    const bool known = draft_.again.past != nullptr && number < draft_.again.past->stages.size();
    return known ? std::string_view(draft_.again.past->stages[number]) : kRan;
  }
  Status run_body(const PipelineStage& stage) {
    const std::string_view before = past_of(stage);
    if (!before.starts_with(kFailed)) return stage.body(run_);
    return fail(Code::kUnavailable, "{}", before.substr(kFailed.size()));
  }
  Status run_one(uint32_t number) {
    const PipelineStage& stage = draft_.pipeline->stages[number];
    StageTimer& timer = draft_.pipeline->counts->stages[number];
    run_.stage = number;
    run_.note.clear();
    run_.relevance_cost = 0;
    const size_t before = run_.pool.items.size();
    const auto begin = Clock::now();
    const Status done = run_body(stage);
    const auto ns = static_cast<uint64_t>((Clock::now() - begin).count());
    timer.calls.fetch_add(1, std::memory_order_relaxed);
    timer.total_ns.fetch_add(ns, std::memory_order_relaxed);
    timer.relevance_cost.fetch_add(run_.relevance_cost, std::memory_order_relaxed);
    if (!done) {
      timer.failures.fetch_add(1, std::memory_order_relaxed);
      if (stage.part == StagePart::kFilter) return done;  // what it forbids must not come
      if (stage.part == StagePart::kSource) run_.pool.items.resize(before);
    }
    const bool source = stage.part == StagePart::kSource;
    note(stage, static_cast<double>(ns) / 1e3, run_.pool.items.size() - (source ? before : 0),
         done ? std::string(kRan) : fmt::format("{}{}", kFailed, done.error().message));
    const bool orders = stage.part > StagePart::kSource;
    if (orders && draft_.traced()) draft_.orders.push_back({number, order()});
    return {};
  }
  [[nodiscard]] std::vector<ItemIx> order() const {
    std::vector<ItemIx> items;
    const size_t head = std::min(run_.pool.head, run_.pool.items.size());
    for (const PoolItem& one : std::span(run_.pool.items).first(head)) items.push_back(one.item);
    return items;
  }
  void note(const PipelineStage& stage, double us, size_t candidates, std::string state) {
    if (!draft_.traced()) return;
    draft_.slate.trace.push_back(
        {stage.kind, stage.text, us, candidates, std::move(state), std::move(run_.note)});
    run_.note.clear();
  }

  Draft& draft_;
  PipelineRun run_;
  const Clock::time_point begin_;
  bool merged_ = false;
  std::optional<StagePart> late_;
  std::string_view level_ = "full";
};

}  // namespace

Status run_pipeline_filters(Draft& draft) {
  if (draft.pipeline->plain()) return {};
  CandidatePool none;
  return Runner(draft, none).run(StagePart::kFilter, StagePart::kFilter);
}

Status make_head(Draft& draft) {
  CandidatePool& pool = pool_of_thread();
  pool.clear();
  Runner runner(draft, pool);
  TRY(runner.run(StagePart::kSource, StagePart::kReranker));
  draft.slate.level = runner.level();
  const auto level = std::ranges::find(kLevels, runner.level()) - kLevels.begin();
  draft.pipeline->counts->levels[static_cast<size_t>(level)].fetch_add(1,
                                                                       std::memory_order_relaxed);
  const auto kept = std::span(pool.items).first(std::min(draft.keep, pool.items.size()));
  draft.kept.assign(kept.begin(), kept.end());
  const size_t places =
      std::min({static_cast<size_t>(draft.pipeline->places), pool.head, pool.items.size()});
  for (const PoolItem& one : std::span(pool.items).first(places)) {
    draft.head.push_back({one.item, one.score, one.sources, one.propensity, one.again});
  }
  return {};
}

}  // namespace palate
