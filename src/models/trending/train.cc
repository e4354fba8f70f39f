#include "models/trending/train.h"

#include <algorithm>
#include <cmath>

#include "models/popularity/train.h"

namespace palate {
namespace {

double sum(std::span<const double> counts) {
  double all = 0;
  for (const double count : counts) all += count;
  return all;
}

}  // namespace

Status train_trending(const TrainJob& job, ArtefactWriter& out) {
  const TrendingConfig& config = job.configs->trending;
  if (!(config.usual_half_life_s > config.recent_half_life_s)) {
    return fail(Code::kInvalidArgument,
                "trending.usual_half_life_s is {}, recent_half_life_s {}; it must be longer",
                config.usual_half_life_s, config.recent_half_life_s);
  }
  // Without real times nothing is lately: both counts are alike, and the list is popularity's.
  const bool real_time = job.data->dataset().time() == TimeKind::kReal;
  const auto lately = TRY(count_popularity(job, real_time ? config.recent_half_life_s : 0.0));
  const auto usually = TRY(count_popularity(job, real_time ? config.usual_half_life_s : 0.0));
  const double all_lately = sum(lately.sum), all_usually = sum(usually.sum);
  const double scale = all_usually > 0 ? all_lately / all_usually : 1.0;
  std::vector<float> scores(job.data->items());
  for (size_t item = 0; item < scores.size(); ++item) {
    const double expected = usually.sum[item] * scale;
    const double lift = (lately.sum[item] + config.prior_events) / (expected + config.prior_events);
    const double score = lately.sum[item] * std::pow(lift, config.lift_power);
    scores[item] = usually.known[item] ? static_cast<float>(score) : kUnknownScore;
  }
  write_popularity(std::move(scores), usually, out);
  return {};
}

uint64_t trending_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  return 2 * popularity_memory_bytes(sizes, configs);
}

}  // namespace palate
