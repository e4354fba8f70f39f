#include "bias/biased_examples.h"

#include <functional>
#include <map>

#include "bias/shown_columns.h"
#include "math/philox.h"

namespace palate::bench {
namespace {

using Json = nlohmann::json;

// A row's label and weight.
struct Correction {
  std::string name;
  std::function<double(const LoggedRow&)> label;
  std::function<double(const LoggedRow&)> weight = [](const LoggedRow&) { return 1.0; };
  bool with_position = false;
};

double clicked(const LoggedRow& row) { return row.shown.response > 0 ? 1 : 0; }

Status write(const World& world, const std::vector<LoggedRow>& rows, const ExamplesPlan& plan,
             const Correction& correction, const Path& out) {
  for (const bool apart : {false, true}) {
    ShownColumns columns(world, {plan.sees_user, correction.with_position});
    columns.label("click");
    for (const LoggedRow& row : rows) {
      if (held_out(world, row) != apart) continue;
      columns.add(row.user, row.item, row.day, row.shown.position);
      columns.columns().labels[0].push_back(static_cast<float>(correction.label(row)));
      columns.columns().weights.push_back(static_cast<float>(correction.weight(row)));
    }
    TRY(std::move(columns).save(out / correction.name / (apart ? "held_out" : "train")));
  }
  return {};
}

// Drawn pages with what the user would like of them; in the first place, which the ranker that
// reads places is served with.
Status write_judged(const World& world, const std::vector<LoggedRow>& log, const ExamplesPlan& plan,
                    const Path& out) {
  const Truth truth(world);
  ShownColumns columns(world, {.user = plan.sees_user, .position = true});
  columns.label("attraction");
  columns.id("judged_user");
  for (const DrawnRow& row : drawn_pages(world, log, plan.judged_from_day)) {
    columns.add(row.user, row.item, row.day, 0);
    columns.columns().labels[0].push_back(
        static_cast<float>(truth.attraction(row.user, row.item, row.day)));
    columns.columns().ids.back().values.push_back(row.user);
  }
  return std::move(columns).save(out / "judged");
}

// Clicks by looks in production by item, and by user and category, drawn towards that of all: what
// tells of relevance without a hand of the randomized rows that it is held against.
std::vector<float> signals_of(const World& world, const std::vector<LoggedRow>& rows,
                              const PositionBias& bias) {
  constexpr double kPrior = 20;
  struct Rate {
    double clicks = 0, looked_at = 0;
  };
  const Truth truth(world);
  std::map<uint64_t, Rate> of_item, of_taste;
  Rate all;
  const auto taste = [&](const LoggedRow& row) {
    return uint64_t{row.user} << 8 | truth.item(row.item).category;
  };
  for (const LoggedRow& row : rows) {
    if (row.shown.randomized) continue;
    for (Rate* rate : {&all, &of_item[row.item], &of_taste[taste(row)]}) {
      rate->clicks += clicked(row);
      rate->looked_at += bias.theta(row.shown.position);
    }
  }
  const double mean = all.clicks / std::max(all.looked_at, 1.0);
  const auto smoothed = [&](const Rate& rate) {
    return (rate.clicks + kPrior * mean) / (rate.looked_at + kPrior);
  };
  std::vector<float> signals;
  for (const LoggedRow& row : rows) {
    signals.push_back(
        static_cast<float>(smoothed(of_item[row.item]) * smoothed(of_taste[taste(row)])));
  }
  return signals;
}

struct Estimates {
  ResponseWeights responses;
  PositionBias randomized, em;
  Result<TrustBias> trust;  // not where what is known of items tells too little
};

Result<Estimates> estimate(const World& world, const std::vector<LoggedRow>& rows) {
  std::vector<ShownRow> shown;
  std::vector<uint32_t> items;
  for (const LoggedRow& row : rows) {
    shown.push_back(row.shown);
    items.push_back(row.item);
  }
  const PositionBias randomized = TRY(position_bias_of_randomized(shown));
  return Estimates{
      .responses = TRY(response_weights(shown)),
      .randomized = randomized,
      .em = TRY(position_bias_by_em(shown, items)),
      .trust = trust_bias_of_randomized(shown, signals_of(world, rows, randomized)),
  };
}

std::vector<Correction> corrections_of(const Truth& truth, const Estimates& found) {
  const auto position = [](const LoggedRow& row) { return size_t{row.shown.position}; };
  std::vector<Correction> all;
  all.push_back({.name = "naive", .label = clicked});
  all.push_back({.name = "responses", .label = clicked, .weight = [&](const LoggedRow& row) {
                   return found.responses.of(row.shown);
                 }});
  all.push_back({.name = "position", .label = [&, position](const LoggedRow& row) {
                   return found.randomized.label(position(row), clicked(row));
                 }});
  all.push_back({.name = "position_em", .label = [&, position](const LoggedRow& row) {
                   return found.em.label(position(row), clicked(row));
                 }});
  if (found.trust) {
    all.push_back({.name = "trust", .label = [&, position](const LoggedRow& row) {
                     return found.trust->label(position(row), clicked(row));
                   }});
  }
  all.push_back({.name = "trust_known", .label = [&truth](const LoggedRow& row) {
                   const int slot = row.shown.position;
                   return (clicked(row) - truth.beta(slot)) / truth.alpha(slot);
                 }});
  all.push_back({.name = "feature", .label = clicked, .with_position = true});
  return all;
}

Json json_of(const World& world, const Estimates& found) {
  const Truth truth(world);
  Json positions = Json::array();
  for (size_t p = 0; p < found.randomized.positions.size(); ++p) {
    const auto& drawn = found.randomized.positions[p];
    const int slot = static_cast<int>(p);
    positions.push_back({{"theta", {drawn.theta, drawn.low, drawn.high}},
                         {"theta_em", found.em.positions[p].theta},
                         {"alpha", found.trust ? Json(found.trust->alpha(p)) : Json()},
                         {"beta", found.trust ? Json(found.trust->beta(p)) : Json()},
                         {"true", {truth.examination(slot), truth.alpha(slot), truth.beta(slot)}},
                         {"weight_none", found.responses.of({.position = uint16_t(p)})},
                         {"weight_click", found.responses.of({uint16_t(p), 1, false})}});
  }
  return {{"positions", positions},
          {"production_rows", found.responses.rows},
          {"effective_rows", found.responses.effective_rows},
          {"clip", found.responses.clip},
          {"trust_error", found.trust ? "" : found.trust.error().message}};
}

}  // namespace

Result<Json> write_examples(const World& world, const std::vector<LoggedRow>& log,
                            const ExamplesPlan& plan, const Path& out) {
  std::vector<LoggedRow> rows;
  for (const LoggedRow& row : log) {
    if (row.day < plan.judged_from_day) rows.push_back(row);
  }
  const Estimates found = TRY(estimate(world, rows));
  const Truth truth(world);
  Json corrections = Json::array();
  for (const Correction& correction : corrections_of(truth, found)) {
    corrections.push_back(correction.name);
    TRY(write(world, rows, plan, correction, out));
  }
  TRY(write_judged(world, log, plan, out));
  Json json = json_of(world, found);
  json["rows"] = rows.size();
  json["corrections"] = corrections;
  return json;
}

}  // namespace palate::bench
