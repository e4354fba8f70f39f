#include "models/demographic/demographic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/hash.h"
#include "math/rows.h"
#include "models/model_config.h"
#include "models/taste_row.h"

namespace palate {
namespace {

struct Tensors {
  std::span<const uint64_t> traits;  // ascending
  RowsView centres;                  // clusters × traits: the share of the cluster's users
  RowsView rates;                    // clusters × items, padded
  std::span<const uint32_t> seen;
};

class Demographic final : public Model {
 public:
  Demographic(std::shared_ptr<const Artefact> artefact, const DemographicConfig& config,
              const Tensors& tensors)
      : artefact_(std::move(artefact)),
        config_(config),
        tensors_(tensors),
        absent_(never_seen(tensors.seen)) {
    info_.kind = "demographic";
    info_.version = artefact_->manifest().version;
    info_.items = tensors.seen.size();
    info_.personalized = true;
    info_.cold_users = true;
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }
  [[nodiscard]] bool can_answer(const Query& query) const override {
    return !known_traits(query).empty();
  }

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override {
    sum_up(query, scratch);
    for (size_t i = 0; i < items.size(); ++i) {
      const bool known = items[i].value < info_.items && tensors_.seen[items[i].value] > 0;
      scores[i] = known ? scratch.floats[items[i].value] : kUnknownScore;
    }
  }

  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override {
    std::vector<std::vector<Scored>> out(requests.size());
    for (size_t r = 0; r < requests.size(); ++r) {
      if (!can_answer(requests[r].query)) continue;
      sum_up(requests[r].query, scratch);
      out[r] = best_of({scratch.floats.data(), info_.items}, absent_, requests[r]);
    }
    return out;
  }

 private:
  [[nodiscard]] std::vector<uint32_t> known_traits(const Query& query) const {
    std::vector<uint32_t> out;
    if (query.profile == nullptr) return out;
    for (const uint64_t trait : traits_of(*query.profile, config_.attributes)) {
      const auto at = std::ranges::lower_bound(tensors_.traits, trait);
      if (at == tensors_.traits.end() || *at != trait) continue;
      out.push_back(static_cast<uint32_t>(at - tensors_.traits.begin()));
    }
    return out;
  }

  // How far the profile belongs to each cluster: a softmax of minus the squared distance.
  [[nodiscard]] std::vector<float> belongs(std::span<const uint32_t> traits) const {
    std::vector<float> out(tensors_.centres.count);
    for (size_t cluster = 0; cluster < out.size(); ++cluster) {
      const float* centre = tensors_.centres.row(cluster);
      float distance = static_cast<float>(traits.size());
      for (const uint32_t trait : traits) distance -= 2 * centre[trait];
      distance += dot(centre, centre, tensors_.centres.dim);
      out[cluster] = -static_cast<float>(config_.sharpness) * distance;
    }
    const float most = *std::ranges::max_element(out);
    float sum = 0;
    for (float& value : out) sum += value = std::exp(value - most);
    for (float& value : out) value /= sum;
    return out;
  }

  void sum_up(const Query& query, Scratch& scratch) const {
    scratch.floats.assign(tensors_.rates.dim, 0.0F);
    const auto traits = known_traits(query);
    if (traits.empty()) return;
    const auto shares = belongs(traits);
    for (size_t cluster = 0; cluster < shares.size(); ++cluster) {
      axpy(shares[cluster], tensors_.rates.row(cluster), scratch.floats.data(), tensors_.rates.dim);
    }
  }

  std::shared_ptr<const Artefact> artefact_;
  DemographicConfig config_;
  Tensors tensors_;
  std::vector<uint64_t> absent_;
  ModelInfo info_;
};

RowsView rows_of(const TensorView& view) {
  return {reinterpret_cast<const float*>(view.bytes.data()), view.rows(), view.cols()};
}

}  // namespace

void DemographicConfig::fields(FieldVisitor<DemographicConfig>& field) {
  using C = DemographicConfig;
  field("clusters", &C::clusters, {.min = 1, .max = 1000, .tune = true, .tune_log = true},
        "Into how many clusters users are put; fewer where there are few users.");
  field("users_min", &C::users_min, {.min = 2, .max = 1e6, .unit = "users"},
        "What fewer users say of themselves is not kept, and no cluster is smaller, so that nobody "
        "is known by it.");
  field("sharpness", &C::sharpness, {.min = 0, .max = 100, .tune = true},
        "How much the nearest cluster decides; 0: all count alike.");
  field("prior_users", &C::prior_users, {.min = 0, .max = 1e6, .unit = "users", .tune = true},
        "So many users of the average taste are added to each cluster.");
  field("attributes", &C::attributes, {},
        "Attributes of users that count as well, beside region, language, age band and survey.");
}

std::vector<uint64_t> traits_of(const UserRecord& profile,
                                std::span<const std::string> attributes) {
  std::vector<uint64_t> out;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) out.push_back(hash64(fmt::format("{}={}", key, value)));
  };
  add("region", profile.region);
  add("language", profile.language);
  add("age", profile.age_band);
  for (const auto& [key, value] : profile.survey) add("survey." + key, value);
  for (const std::string& key : attributes) {
    const auto at = profile.attributes.find(key);
    if (at != profile.attributes.end()) add("attribute." + key, at->second);
  }
  std::ranges::sort(out);
  const auto again = std::ranges::unique(out);
  out.erase(again.begin(), again.end());
  return out;
}

Result<std::unique_ptr<Model>> load_demographic(std::shared_ptr<const Artefact> artefact) {
  const auto config = TRY(read_model_config<DemographicConfig>(*artefact));
  const TensorView centres = TRY(artefact->tensor("centres", DType::kF32, 2));
  const TensorView rates = TRY(artefact->tensor("rates", DType::kF32, 2));
  const Tensors tensors{TRY(artefact->vector<uint64_t>("traits")), rows_of(centres), rows_of(rates),
                        TRY(artefact->vector<uint32_t>("item_count"))};
  const bool fits =
      tensors.seen.size() == artefact->manifest().items && centres.rows() > 0 &&
      centres.rows() == rates.rows() && centres.cols() == padded(tensors.traits.size()) &&
      rates.cols() == padded(tensors.seen.size()) && std::ranges::is_sorted(tensors.traits);
  if (!fits) {
    return fail(Code::kCorrupt,
                "{}: centres {} × {} and rates {} × {} do not fit {} traits and {} items; train "
                "again",
                artefact->path().string(), centres.rows(), centres.cols(), rates.rows(),
                rates.cols(), tensors.traits.size(), tensors.seen.size());
  }
  return std::make_unique<Demographic>(std::move(artefact), config, tensors);
}

}  // namespace palate
