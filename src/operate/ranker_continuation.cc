#include "operate/ranker_continuation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "dataset/examples.h"
#include "infer/network_weights.h"
#include "infer/trainable.h"
#include "models/ranker/ranker.h"
#include "recommend/load.h"

namespace palate {
namespace {

using Json = nlohmann::json;

// What an outcome is, and what training keeps beside the network's numbers: where they are others,
// so is what was learnt, though the network may look the same.
constexpr std::array kDecisive{"examples.objectives", "ranker.batch_norm", "training.balance"};

Json parsed(const std::string& text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string difference_of_settings(const Manifest& last, const Json& config) {
  const Json before = parsed(last.config_json);
  for (const char* name : kDecisive) {
    const Json was = before.is_object() ? before.value(name, Json()) : Json();
    if (was != config.at(name)) return fmt::format("{} was {}", name, was.dump());
  }
  return {};
}

Result<std::vector<Examples>> opened(std::span<const Path> shards) {
  std::vector<Examples> examples;
  for (const Path& shard : shards) examples.push_back(TRY(Examples::open(shard)));
  return examples;
}

// Of a column's numbers that are there; NaN: there are none.
std::vector<double> means_of(std::span<const Examples> shards, size_t column) {
  std::vector<double> sums(shards.front().schema().numbers[column].width), counts(sums.size());
  for (const Examples& shard : shards) {
    for (size_t row = 0; row < shard.rows(); ++row) {
      const auto numbers = shard.numbers(column, row);
      for (size_t place = 0; place < numbers.size(); ++place) {
        if (!std::isfinite(numbers[place])) continue;
        sums[place] += numbers[place];
        ++counts[place];
      }
    }
  }
  for (size_t place = 0; place < sums.size(); ++place) sums[place] /= counts[place];
  return sums;
}

}  // namespace

void note_anew(const Artefact& last, std::string_view why) {
  log_warning("training 'ranker' anew rather than from version {}: {}", last.manifest().version,
              why);
}

Result<std::optional<LastRanker>> last_ranker(const Registry& registry, const LiveState& state,
                                              const Json& config) {
  const auto release = TRY(registry.current());
  if (!release || !release->artefacts.contains(std::string(kRankerKind))) {
    log_warning("training 'ranker' anew: the release has none that could be gone on from");
    return std::nullopt;
  }
  LastRanker last{TRY(registry.open(kRankerKind, release->artefacts.at(std::string(kRankerKind)))),
                  {}};
  const Manifest& manifest = last.artefact->manifest();
  const Json metrics = parsed(manifest.metrics_json);
  std::string why;
  if (!metrics.is_object() || !metrics.value("trained_until_us", Json()).is_number_integer()) {
    why = "it does not say until when it has learnt";
  } else if (const Status fits = check_fit(manifest, state); !fits) {
    why = fits.error().message;
  } else {
    why = difference_of_settings(manifest, config);
  }
  if (!why.empty()) {
    note_anew(*last.artefact, why);
    return std::nullopt;
  }
  last.until.us = metrics["trained_until_us"].get<int64_t>();
  return last;
}

Result<std::string> difference_of_numbers(const Artefact& last, const RankingFields& now,
                                          std::span<const Path> shards) {
  if (TRY(read_ranking_fields(last)).features != now.parts().features) {
    return "it read other features, or in another order";
  }
  const auto examples = TRY(opened(shards));
  const auto& columns = examples.front().schema().numbers;
  const auto names = now.number_names();
  for (const DenseField& field : TRY(network_spec_of(last)).dense) {
    const auto at = std::ranges::find(columns, column_of(field.name), &NumberColumn::name);
    if (at == columns.end()) continue;  // the specs differ, and that is told
    const auto column = static_cast<size_t>(at - columns.begin());
    const auto mean = TRY(last.vector<float>("mean." + field.name));
    const auto scale = TRY(last.vector<float>("scale." + field.name));
    const auto now_means = means_of(examples, column);
    for (size_t place = 0; place < std::min(mean.size(), now_means.size()); ++place) {
      const double shift = (now_means[place] - mean[place]) * scale[place];
      if (!(std::abs(shift) > FeatureDrift::kBackWithin)) continue;  // NaN is none
      return fmt::format("the mean of '{}' has moved by {:.1f} standard deviations",
                         names[column][place], shift);
    }
  }
  return std::string();
}

}  // namespace palate
