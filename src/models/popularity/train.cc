#include "models/popularity/train.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/stop.h"

namespace palate {
namespace {

constexpr uint32_t kStopEvery = 4096;  // users between two looks at the stop token

std::vector<uint32_t> sorted_known(const PopularityCounts& counts, std::span<const float> scores) {
  std::vector<uint32_t> order;
  for (uint32_t item = 0; item < scores.size(); ++item) {
    if (counts.known[item]) order.push_back(item);
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  return order;
}

nlohmann::json decay_details(double configured_s, double applied_s) {
  nlohmann::json decay{{"half_life_s", applied_s}, {"applied", applied_s > 0}};
  if (configured_s > 0 && applied_s == 0) {
    decay["reason"] = "the data has no real times, so every event counts alike";
  } else if (configured_s == 0) {
    decay["reason"] = "popularity.half_life_s is 0, so every event counts alike";
  }
  return decay;
}

}  // namespace

Result<PopularityCounts> count_popularity(const TrainJob& job, double half_life_s) {
  const DatasetView& data = *job.data;
  const TimeUs newest = data.seen().newest_ts;
  PopularityCounts counts{std::vector<double>(data.items()), std::vector<bool>(data.items())};
  const double per_us = half_life_s > 0 ? 1.0 / (half_life_s * 1e6) : 0.0;
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < data.users(); ++user) {
    if (user % kStopEvery == 0) TRY(check_stop(job.stop));
    for (const HistoryEntry& row : data.of({user}, scratch)) {
      counts.known[row.item.value] = true;
      if (row.preference <= 0) continue;
      const double age_us = static_cast<double>(newest.us) - static_cast<double>(row.ts.us);
      counts.sum[row.item.value] += row.preference * std::exp2(-age_us * per_us);
    }
  }
  return counts;
}

void write_popularity(std::vector<float> scores, const PopularityCounts& counts,
                      ArtefactWriter& out) {
  std::vector<uint32_t> order = sorted_known(counts, scores);
  out.manifest.metrics_json = nlohmann::json{{"items_known", order.size()}}.dump();
  out.add<float>("scores", {scores.size()}, std::move(scores));
  out.add<uint32_t>("order", {order.size()}, std::move(order));
}

Status train_popularity(const TrainJob& job, ArtefactWriter& out) {
  if (job.data->seen().interactions == 0) {
    return fail(Code::kInvalidArgument,
                "there is no interaction to count; import events that say something about taste");
  }
  const double configured_s = job.configs->popularity.half_life_s;
  const bool real_time = job.data->dataset().time() == TimeKind::kReal;
  const double applied_s = real_time ? configured_s : 0.0;
  const PopularityCounts counts = TRY(count_popularity(job, applied_s));

  std::vector<float> scores(job.data->items());
  for (size_t item = 0; item < scores.size(); ++item) {
    scores[item] = counts.known[item] ? static_cast<float>(counts.sum[item]) : kUnknownScore;
  }
  out.manifest.details_json =
      nlohmann::json{{"decay", decay_details(configured_s, applied_s)}}.dump();
  write_popularity(std::move(scores), counts, out);
  return {};
}

uint64_t popularity_memory_bytes(const TrainSizes& sizes, const ModelConfigs&) {
  constexpr uint64_t kItemBytes = 64;  // sum, scores, order, names of the tensors' rows
  return sizes.items * kItemBytes;
}

}  // namespace palate
