#include "models/demographic/train.h"

#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/stop.h"
#include "math/rows.h"
#include "models/train_cooccurrence.h"
#include "models/train_item_weights.h"

namespace palate {
namespace {

constexpr uint32_t kStopEvery = 4096;  // users between two looks at the stop token

// Users with traits that enough of them have.
struct Gathered {
  std::vector<uint64_t> traits;  // ascending
  TraitUsers users;
  std::vector<uint32_t> row_of;  // of the matrix, beside users.rows
};

Result<Gathered> gather(const TrainJob& job, const SparseMatrix& matrix) {
  const DemographicConfig& config = job.configs->demographic;
  std::vector<std::pair<uint32_t, std::vector<uint64_t>>> all;
  std::map<uint64_t, int> said;
  for (uint32_t user = 0; user < matrix.rows; ++user) {
    if (user % kStopEvery == 0) TRY(check_stop(job.stop));
    if (matrix.start[user] == matrix.start[user + 1] || !job.profile_of) continue;
    const auto profile = job.profile_of(job.data->dataset().user_id({user}));
    if (!profile) continue;
    all.emplace_back(user, traits_of(*profile, config.attributes));
    for (const uint64_t trait : all.back().second) ++said[trait];
  }
  Gathered out;
  for (const auto& [trait, users] : said) {
    if (users >= config.users_min) out.traits.push_back(trait);
  }
  out.users.traits = out.traits.size();
  for (const auto& [user, traits] : all) {
    std::vector<uint32_t> row;
    for (const uint64_t trait : traits) {
      const auto at = std::ranges::lower_bound(out.traits, trait);
      if (at == out.traits.end() || *at != trait) continue;
      row.push_back(static_cast<uint32_t>(at - out.traits.begin()));
    }
    if (row.empty()) continue;
    out.users.rows.push_back(std::move(row));
    out.row_of.push_back(user);
  }
  return out;
}

// Clusters × padded(items): the share of a cluster's users who liked the item, with some more of
// the average taste.
FloatTable rates(const SparseMatrix& matrix, const Gathered& gathered,
                 const TraitClusters& clusters, double prior) {
  const size_t dim = padded(matrix.cols);
  const size_t count = clusters.centres.size() / padded(gathered.traits.size());
  std::vector<double> users(count, prior);
  FloatTable out(count * dim, 0.0F);
  const auto liked = entries_by_column(matrix);
  const auto everybody = static_cast<double>(matrix.rows);
  for (size_t cluster = 0; cluster < count; ++cluster) {
    for (size_t item = 0; item < liked.size(); ++item) {
      out[cluster * dim + item] = static_cast<float>(prior * liked[item] / everybody);
    }
  }
  for (size_t i = 0; i < clusters.of.size(); ++i) {
    users[clusters.of[i]] += 1;
    const uint32_t row = gathered.row_of[i];
    for (uint64_t e = matrix.start[row]; e < matrix.start[row + 1]; ++e) {
      out[clusters.of[i] * dim + matrix.index[e]] += 1;
    }
  }
  for (size_t i = 0; i < out.size(); ++i)
    out[i] /= static_cast<float>(std::max(1.0, users[i / dim]));
  return out;
}

}  // namespace

Status train_demographic(const TrainJob& job, ArtefactWriter& out) {
  const DemographicConfig& config = job.configs->demographic;
  const SparseMatrix matrix = preference_matrix(*job.data);
  Gathered gathered = TRY(gather(job, matrix));
  if (gathered.users.rows.empty()) {
    return fail(Code::kInvalidArgument,
                "no {} users say the same of themselves; import users with a region, language, age "
                "band or survey answers (`palate import --users`)",
                config.users_min);
  }
  TraitClusters clusters = cluster_traits(
      gathered.users,
      {static_cast<size_t>(config.clusters), static_cast<size_t>(config.users_min), job.seed});
  const size_t dim = padded(gathered.traits.size()), count = clusters.centres.size() / dim;
  FloatTable liked = rates(matrix, gathered, clusters, config.prior_users);
  add_item_counts(matrix, out);
  auto metrics = nlohmann::json::parse(out.manifest.metrics_json);
  metrics["clusters"] = count;
  metrics["traits"] = gathered.traits.size();
  metrics["users_described"] = gathered.users.rows.size();
  out.manifest.metrics_json = metrics.dump();
  out.add<uint64_t>("traits", {gathered.traits.size()}, std::move(gathered.traits));
  const auto add = [&](std::string name, const FloatTable& table, size_t columns) {
    out.add<float>(std::move(name), {count, columns},
                   std::vector<float>(table.begin(), table.end()));
  };
  add("centres", clusters.centres, dim);
  add("rates", liked, padded(matrix.cols));
  return {};
}

uint64_t demographic_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  constexpr uint64_t kTraitsAUser = 16;
  const auto clusters = static_cast<uint64_t>(std::max(1, configs.demographic.clusters));
  return 3 * clusters * padded(sizes.items) * sizeof(float) +
         sizes.users * kTraitsAUser * sizeof(uint64_t) * 2 + matrix_memory_bytes(sizes);
}

}  // namespace palate
