#include "features/trust_train.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include <Eigen/Dense>

#include "base/stop.h"
#include "base/time.h"
#include "events/block.h"
#include "features/history.h"
#include "features/resolve.h"
#include "features/trust.h"

namespace palate {
namespace {

constexpr Eigen::Index kDim = kTrustInputNames.size() + 1;
using Vector = Eigen::Matrix<double, kDim, 1>;
using Matrix = Eigen::Matrix<double, kDim, kDim>;

Vector with_bias(const TrustInputs& inputs) {
  Vector x;
  x[0] = 1;
  for (size_t i = 0; i < inputs.size(); ++i) x[static_cast<Eigen::Index>(i) + 1] = inputs[i];
  return x;
}

// Newton's method for logistic loss with a ridge (Hastie, Tibshirani, Friedman: "The Elements of
// Statistical Learning", section 4.4.1); each kind weighs a half.
Vector fit(std::span<const Vector> rows, std::span<const uint8_t> ill, double ridge) {
  const auto of_ill = static_cast<double>(std::ranges::count(ill, uint8_t{1}));
  const double weights[2] = {0.5 / (static_cast<double>(rows.size()) - of_ill), 0.5 / of_ill};
  Vector theta = Vector::Zero();
  for (int step = 0; step < 30; ++step) {
    Vector gradient = -ridge * theta;
    Matrix hessian = ridge * Matrix::Identity();
    for (size_t r = 0; r < rows.size(); ++r) {
      const double p = 1 / (1 + std::exp(-theta.dot(rows[r])));
      gradient += weights[ill[r]] * (ill[r] - p) * rows[r];
      hessian += weights[ill[r]] * p * (1 - p) * rows[r] * rows[r].transpose();
    }
    const Vector change = hessian.ldlt().solve(gradient);
    theta += change;
    if (change.norm() < 1e-9) break;
  }
  return theta;
}

// So that few of the honest lie on the wrong side.
TrustModel::Weights weights_of(Vector theta, std::span<const Vector> rows,
                               std::span<const uint8_t> ill, double honest_doubted_max) {
  std::vector<double> honest;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (!ill[r]) honest.push_back(theta.dot(rows[r]));
  }
  const auto spared = static_cast<int64_t>(honest_doubted_max * static_cast<double>(honest.size()));
  const auto at = honest.end() - 1 - std::min<int64_t>(spared, std::ssize(honest) - 1);
  std::nth_element(honest.begin(), at, honest.end());
  theta[0] -= std::max(*at, 0.0);
  TrustModel::Weights weights{.bias = theta[0]};
  for (size_t i = 0; i < weights.of.size(); ++i) {
    weights.of[i] = theta[static_cast<Eigen::Index>(i) + 1];
  }
  return weights;
}

// What is known of one account while the log is read.
struct Account {
  UserActivity activity;
  uint64_t number = 0;
  const TimeUs* flagged = nullptr;  // nullptr: honest
};

class Collector {
 public:
  Collector(const EventTypes& types, const FlaggedAccounts& flagged)
      : types_(types), flagged_(flagged) {}
  void add(const EventView& row, uint64_t offset) {
    if (row.user.empty() || row.type.value >= types_.size()) return;  // empty: erased
    Account& account = account_of(row.user);
    const float preference = row.item.empty() ? 0 : types_.preference(row.type, row.value);
    const ItemIx item = row.item.empty() ? ItemIx{} : item_of(row.item);
    const HistoryEntry entry = history_entry(row, item, preference, offset);
    fold_activity(account.activity, entry, {&types_, false});
    const uint64_t tastes = account.activity.likes + account.activity.dislikes;
    if (preference == 0 || !std::has_single_bit(tastes)) return;
    static const TrustModel rules{.hand_made = true};
    samples.push_back({trust_inputs(account.activity), account.number,
                       account.flagged != nullptr && *account.flagged <= row.ts,
                       trust_of(account.activity, rules).with_slates});
  }
  std::vector<TrustSample> samples;

 private:
  Account& account_of(std::string_view user) {
    const auto [at, added] = accounts_.try_emplace(std::string(user));
    if (!added) return at->second;
    at->second.number = accounts_.size() - 1;
    const auto known = flagged_.find(user);
    if (known != flagged_.end()) at->second.flagged = &known->second;
    return at->second;
  }
  ItemIx item_of(std::string_view item) {
    const auto next = static_cast<uint32_t>(items_.size());
    return {items_.try_emplace(std::string(item), next).first->second};
  }
  const EventTypes& types_;
  const FlaggedAccounts& flagged_;
  std::unordered_map<std::string, Account> accounts_;
  std::unordered_map<std::string, uint32_t> items_;
};

}  // namespace

Result<FlaggedAccounts> parse_flagged(std::string_view text) {
  FlaggedAccounts accounts;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.empty()) continue;
    const size_t comma = row.rfind(',');
    TimeUs since{};
    if (comma != std::string_view::npos) {
      const auto parsed = parse_rfc3339(row.substr(comma + 1));
      if (!parsed) return std::unexpected(parsed.error().within(fmt::format("line {}", line)));
      since = *parsed;
    }
    accounts[std::string(row.substr(0, comma))] = since;
  }
  return accounts;
}

Result<std::vector<TrustSample>> trust_samples(const EventLog& log, const EventTypes& types,
                                               const FlaggedAccounts& flagged,
                                               const std::stop_token& stop) {
  Collector collector(types, flagged);
  TRY(log.read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    const EventBatch batch = TRY(decode_events(block.bytes, types));
    for (size_t i = 0; i < batch.rows.size(); ++i) {
      collector.add(batch.rows[i], block.first.offset + i);
    }
    return {};
  }));
  return std::move(collector.samples);
}

Result<TrustModel> train_trust(std::span<const TrustSample> samples, const TrustTraining& options) {
  std::vector<Vector> seen, blind;
  std::vector<uint8_t> ill;
  for (const TrustSample& sample : samples) {
    seen.push_back(with_bias(sample.inputs));
    blind.push_back(with_bias(without_slates(sample.inputs)));
    ill.push_back(sample.ill ? 1 : 0);
  }
  const auto flagged = std::ranges::count(ill, uint8_t{1});
  if (flagged == 0 || flagged == std::ssize(ill)) {
    return fail(Code::kInvalidArgument,
                "a model of trust is trained from honest and flagged accounts: here are {} "
                "moments of honest and {} of flagged ones that liked or disliked something",
                std::ssize(ill) - flagged, flagged);
  }
  const auto column = [&](std::span<const Vector> rows) {
    return weights_of(fit(rows, ill, options.ridge), rows, ill, options.honest_doubted_max);
  };
  TrustModel model;
  model.with_slates = column(seen);
  model.without_slates = column(blind);
  return model;
}

}  // namespace palate
