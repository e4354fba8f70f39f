#include "dataset/example_corrections.h"

#include <algorithm>
#include <cmath>

#include "dataset/exposure_bias.h"

namespace palate {
namespace {

// A row whose place is known, with its label of an objective.
struct Known {
  std::vector<ShownRow> rows;
  std::vector<uint32_t> items;
};

uint16_t place_of(const Impressions::Row& row) {
  return static_cast<uint16_t>(std::min<int32_t>(row.slot, kShownPositionsMax - 1));
}

// Rows before what is held out whose response is known. `response` of a row's first label.
template <class Response>
Known known_rows(const Impressions& shown, TimeUs held_out_from, const Response& response) {
  Known known;
  size_t row = 0;
  for (const Impressions::Slate& slate : shown.slates) {
    for (uint32_t i = 0; i < slate.rows; ++i, ++row) {
      const Impressions::Row& one = shown.rows[row];
      const int kind = response(row);
      if (slate.ts >= held_out_from || one.slot < 0 || kind < 0) continue;
      known.rows.push_back({place_of(one), static_cast<uint16_t>(kind), one.randomized});
      known.items.push_back(one.item.value);
    }
  }
  return known;
}

Result<PositionBias> position_bias(const Known& known, const std::string& how) {
  auto bias = how == "em" ? position_bias_by_em(known.rows, known.items)
                          : position_bias_of_randomized(known.rows);
  if (bias) return bias;
  return std::unexpected(bias.error().within(fmt::format("examples.position = \"{}\"", how)));
}

// A row's response is the first objective that followed, from 1; -1 where one is not known before.
int response_of(const Impressions& shown, size_t objectives, size_t row) {
  for (size_t o = 0; o < objectives; ++o) {
    const float label = shown.labels[row * objectives + o];
    if (std::isnan(label)) return -1;
    if (label > 0) return static_cast<int>(o) + 1;
  }
  return 0;
}

Status correct_labels(Impressions& shown, TimeUs held_out_from, const ExamplesConfig& config,
                      Corrections& out) {
  const size_t objectives = shown.labels.size() / std::max<size_t>(1, shown.rows.size());
  const Known known = known_rows(shown, held_out_from, [&](size_t row) {
    return std::min(response_of(shown, objectives, row), 1);
  });
  const PositionBias bias = TRY(position_bias(known, config.position));
  for (size_t i = 0; i < shown.labels.size(); ++i) {
    const Impressions::Row& row = shown.rows[i / objectives];
    float& label = shown.labels[i];
    if (row.slot < 0 || !(label > 0)) continue;
    label = static_cast<float>(bias.label(place_of(row), label));
  }
  for (size_t p = 0; p < bias.positions.size(); ++p) out.examination.push_back(bias.theta(p));
  return {};
}

Status weigh_responses(const Impressions& shown, TimeUs held_out_from, size_t objectives,
                       Corrections& out) {
  const auto response = [&](size_t row) { return response_of(shown, objectives, row); };
  const Known known = known_rows(shown, held_out_from, response);
  auto weights = response_weights(known.rows);
  if (!weights) {
    return std::unexpected(weights.error().within("examples.response_weights"));
  }
  out.production_rows = weights->rows;
  out.effective_rows = weights->effective_rows;
  out.weights.assign(shown.rows.size(), 1);
  for (size_t row = 0; row < shown.rows.size(); ++row) {
    const Impressions::Row& one = shown.rows[row];
    const int kind = response(row);
    if (one.slot < 0 || kind < 0) continue;
    out.weights[row] = static_cast<float>(
        weights->of({place_of(one), static_cast<uint16_t>(kind), one.randomized}));
  }
  return {};
}

}  // namespace

Result<Corrections> correct_impressions(Impressions& shown, TimeUs held_out_from, size_t objectives,
                                        const ExamplesConfig& config) {
  Corrections out;
  // By what was logged, before labels change.
  if (config.response_weights) {
    TRY(weigh_responses(shown, held_out_from, objectives, out));
  }
  if (config.position == "examination" || config.position == "em") {
    TRY(correct_labels(shown, held_out_from, config, out));
  }
  return out;
}

}  // namespace palate
