#include "recommend/objectives.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>

#include "base/near_names.h"
#include "events/number_text.h"
#include "features/reader.h"
#include "recommend/decision.h"

namespace palate {
namespace {

constexpr std::array kNames{
    ObjectiveName{"retrieval", "what the orders of the sources say together"},
    ObjectiveName{"personal",
                  "the score of the release's personal model; 0 for all where the "
                  "answer is not personal"},
    ObjectiveName{"popularity", "likes, halved every week, as of this moment"},
    ObjectiveName{"model.<kind>", "the score of that model of the release"},
    ObjectiveName{"ranker.<objective>",
                  "what the release's ranker says of it: how probable a click is, say"},
    ObjectiveName{"feature.<name>", "a feature (docs/reference/features.md)"},
    ObjectiveName{"attribute.<name>", "the item's attribute as a number; 0 where it has none"},
    ObjectiveName{"source.<stage>", "1 where that stage proposed the item, else 0"},
};

std::vector<ItemIx> items_of(const CandidatePool& pool) {
  std::vector<ItemIx> items;
  items.reserve(pool.items.size());
  for (const PoolItem& one : pool.items) items.push_back(one.item);
  return items;
}

std::vector<float> scores_by(const Model& model, const PipelineRun& run) {
  const std::vector<ItemIx> items = items_of(run.pool);
  std::vector<float> scores(items.size());
  model.score(run.draft.query, items, scores, run.draft.work.scratch);
  float least = 0;
  bool any = false;
  for (const float score : scores) {
    if (!std::isfinite(score)) continue;
    least = any ? std::min(least, score) : score;
    any = true;
  }
  for (float& score : scores) {
    if (!std::isfinite(score)) score = least;
  }
  return scores;
}

// What is read of the candidates as of the request.
Status read_candidates(const PipelineRun& run,
                       const std::function<Status(const FeatureReader::Request& request)>& read) {
  const LiveState& state = *run.draft.loaded.state;
  std::optional<ItemSignals::View> signals;
  if (state.signals() != nullptr) signals = state.signals()->view();
  const FeatureSources from{&state.types(), run.draft.view.get(), &state.popularity(),
                            signals ? &*signals : nullptr};
  const UserState* const user = run.draft.consent ? run.draft.user.get() : nullptr;
  const FeatureMoment moment{user, {}, run.draft.query.now};
  const std::vector<ItemIx> items = items_of(run.pool);
  return read({from, moment, items});
}

// Of each candidate a row of these features, read together: what they derive from the history is
// derived once.
Result<std::vector<float>> feature_rows(std::span<const std::string> names,
                                        const PipelineRun& run) {
  const LiveState& state = *run.draft.loaded.state;
  const auto reader = TRY(FeatureReader::make(names, state.types(), state.features()));
  std::vector<float> rows(run.pool.items.size() * names.size());
  TRY(read_candidates(run, [&](const FeatureReader::Request& request) -> Status {
    thread_local FeatureScratch scratch;
    reader.read(request, rows, scratch);
    return {};
  }));
  return rows;
}

// What a ranker read last stays here.
Ranker::Scratch& ranker_scratch() {
  thread_local Ranker::Scratch scratch;
  return scratch;
}

// A column an objective of the release's ranker.
Result<std::vector<std::vector<float>>> ranker_columns(const PipelineRun& run) {
  if (run.draft.loaded.ranker == nullptr) {
    return fail(Code::kUnavailable,
                "the release has no ranker; train one with `palate train --models ranker`");
  }
  const Ranker& ranker = *run.draft.loaded.ranker;
  const PastMoment* const past = run.draft.again.past;
  if (!run.draft.set_aside) {
    run.draft.set_aside = past != nullptr ? past->set_aside : ranker.drift().set_aside();
  }
  std::vector<std::vector<float>> columns;
  TRY(read_candidates(run, [&](const FeatureReader::Request& request) -> Status {
    columns = TRY(ranker.score(request, *run.draft.set_aside, ranker_scratch()));
    return {};
  }));
  return columns;
}

Result<size_t> ranker_column(std::string_view objective, const PipelineRun& run) {
  const std::vector<std::string> known = run.draft.loaded.ranker->objectives();
  const auto found = std::ranges::find(known, objective);
  if (found != known.end()) return static_cast<size_t>(found - known.begin());
  return fail(Code::kInvalidArgument, "the release's ranker does not say '{}'; it says {}",
              objective, fmt::join(known, ", "));
}

float finite_or_0(double value) {
  const auto narrow = static_cast<float>(value);
  return std::isfinite(narrow) ? narrow : 0;
}

std::vector<float> attribute(std::string_view name, const PipelineRun& run) {
  const std::string key(name);
  std::vector<float> values;
  values.reserve(run.pool.items.size());
  if (const ItemColumn* column = run.items().attribute(name)) {
    for (const PoolItem& one : run.pool.items) {
      values.push_back(finite_or_0(column->number(one.item)));
    }
    return values;
  }
  // No item has it, or there are too many others for columns.
  for (const PoolItem& one : run.pool.items) {
    const auto& attributes = run.items().record(one.item).attributes;
    const auto found = attributes.find(key);
    const auto value = found == attributes.end() ? std::nullopt : parse_real(found->second);
    values.push_back(finite_or_0(value.value_or(0)));
  }
  return values;
}

std::vector<float> proposed_by(std::string_view kind, const PipelineRun& run) {
  uint32_t bits = 0;
  const auto& stages = run.draft.pipeline->stages;
  for (size_t s = 0; s < stages.size(); ++s) bits |= stages[s].kind == kind ? uint32_t{1} << s : 0;
  std::vector<float> values;
  for (const PoolItem& one : run.pool.items) values.push_back((one.sources & bits) != 0 ? 1 : 0);
  return values;
}

std::vector<float> popularity(const PipelineRun& run) {
  const auto counts =
      run.draft.loaded.state->item_popularity(items_of(run.pool), run.draft.query.now);
  return {counts.begin(), counts.end()};
}

// "model" of "model.als"; the whole where there is no dot.
std::string_view family(std::string_view name) { return name.substr(0, name.find('.')); }
std::string_view member(std::string_view name) {
  const size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

}  // namespace

std::span<const ObjectiveName> objective_names() { return kNames; }

Status check_objective(std::string_view name) {
  std::vector<std::string> known;
  for (const ObjectiveName& one : kNames) {
    known.emplace_back(one.name);
    const bool takes_member = one.name.contains('<');
    if (takes_member ? family(one.name) == family(name) && !member(name).empty() : one.name == name)
      return {};
  }
  return fail(Code::kInvalidArgument, "there is no '{}'{}; a formula reads {}", name,
              did_you_mean(name, known), fmt::join(known, ", "));
}

namespace {

// Any but features and what a ranker says, which are read together.
Result<std::vector<float>> objective(std::string_view name, const PipelineRun& run) {
  const std::string_view of = family(name);
  const LoadedRelease& loaded = run.draft.loaded;
  if (of == "model") return scores_by(*TRY(loaded.model(member(name)))->model, run);
  if (of == "attribute") return attribute(member(name), run);
  if (of == "source") return proposed_by(member(name), run);
  if (of == "popularity") return popularity(run);
  if (of == "personal") {
    if (run.draft.slate.personalized) return scores_by(*loaded.personal->model, run);
    return std::vector<float>(run.pool.items.size(), 0);
  }
  std::vector<float> retrieval;
  for (const PoolItem& one : run.pool.items) retrieval.push_back(one.retrieval);
  return retrieval;
}

}  // namespace

Result<std::vector<std::vector<float>>> objectives(std::span<const std::string> names,
                                                   const PipelineRun& run) {
  std::vector<std::string> features;
  for (const std::string& name : names) {
    if (family(name) == "feature") features.emplace_back(member(name));
  }
  std::vector<float> rows;
  if (!features.empty()) rows = TRY(feature_rows(features, run));
  std::vector<std::vector<float>> columns, ranked;
  size_t feature = 0;
  for (const std::string& name : names) {
    if (family(name) == "ranker") {
      if (ranked.empty()) ranked = TRY(ranker_columns(run));
      columns.push_back(ranked[TRY(ranker_column(member(name), run))]);
      continue;
    }
    if (family(name) != "feature") {
      columns.push_back(TRY(objective(name, run)));
      continue;
    }
    auto& column = columns.emplace_back();
    for (size_t i = feature++; i < rows.size(); i += features.size()) column.push_back(rows[i]);
  }
  return columns;
}

void observe_first(std::span<const std::string> names, std::span<const float> scores,
                   const PipelineRun& run) {
  const bool asked =
      std::ranges::any_of(names, [](const std::string& name) { return family(name) == "ranker"; });
  if (!asked || run.draft.again.past != nullptr) return;
  std::vector<uint32_t> first(scores.size());
  std::iota(first.begin(), first.end(), 0U);
  const size_t shown = std::min(run.draft.request.n, first.size());
  std::ranges::partial_sort(first, first.begin() + static_cast<std::ptrdiff_t>(shown),
                            std::greater{}, [&](uint32_t at) { return scores[at]; });
  run.draft.loaded.ranker->observe(ranker_scratch(), std::span(first).first(shown));
}

}  // namespace palate
