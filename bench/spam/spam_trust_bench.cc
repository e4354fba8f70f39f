// What attacks gain and what the trust of `features` costs: popularity and trends as `features`
// computes them, with and without trust, in closed loops over simulated worlds. Prints the last
// tables of docs/spam.md.
//   spam_trust_bench [USERS] [SEED] [SHARE]      SHARE: of traffic, instead of all three
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "features/live_state.h"
#include "features/memory_parts_for_test.h"
#include "features/reader.h"
#include "simulate/emit.h"
#include "simulate/spam/defence.h"

namespace palate {
namespace {

enum class Kind { kPopularity, kTrending };

// What a server folds, in memory.
class Folded {
 public:
  Folded(const World& world, Kind kind, bool trust) : world_(world), kind_(kind), trust_(trust) {
    FeatureConfig config;
    config.counters = true;
    config.trust = trust;
    state_ = std::make_unique<LiveState>(LiveState::Parts{.types = &types_,
                                                          .hash = &hash_,
                                                          .store = &store_,
                                                          .tenant = Tenant(),
                                                          .limits = {},
                                                          .features = config});
  }

  Status begin() {
    TRY(state_->catch_up(log_, {}));
    std::vector<ItemRecord> items;
    for (uint32_t i = 0; i < world_.items(); ++i) {
      items.push_back(world_.item(i));
      ixs_.push_back({i});
    }
    return state_->apply_items({Stream::kItems, 0, 0}, items);
  }

  Status observe(std::span<const Happening> some) {
    const EventBatch batch = TRY(to_events(world_, some, types_));
    TRY(state_->apply_events({Stream::kEvents, 0, offset_}, batch.rows));
    offset_ += batch.rows.size();
    return {};
  }

  Result<std::vector<double>> scores(TimeUs now) {
    if (kind_ == Kind::kPopularity) return state_->item_popularity(ixs_, now);
    std::vector<float> rows(ixs_.size());
    TRY(read("item_trending", {.user = nullptr, .region = {}, .now = now}, rows));
    return std::vector<double>(rows.begin(), rows.end());
  }

  Result<std::vector<double>> trust() {
    std::vector<double> out(world_.users(), 1.0);
    for (uint32_t u = 0; trust_ && u < world_.users(); ++u) {
      const auto user = TRY(state_->user(user_name(u)));
      if (user == nullptr) continue;
      float trust = 1;
      TRY(read("user_trust", {.user = user.get(), .region = {}, .now = {}}, {&trust, 1}));
      out[u] = double(trust);
    }
    return out;
  }

 private:
  Status read(const char* feature, const FeatureMoment& moment, std::span<float> out) {
    const std::string names[] = {feature};
    const auto reader = TRY(FeatureReader::make(names, types_, state_->features()));
    const auto items = state_->catalogue().view();
    const auto signals = state_->signals()->view();
    const FeatureSources from{.types = &types_,
                              .items = &items,
                              .popularity = &state_->popularity(),
                              .signals = &signals};
    reader.read({from, moment, std::span(ixs_).first(out.size())}, out, scratch_);
    return {};
  }

  const World& world_;
  Kind kind_;
  bool trust_;
  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{{}, Tenant()};
  MemoryStore store_;
  MemoryLog log_;
  std::unique_ptr<LiveState> state_;
  std::vector<ItemIx> ixs_;
  uint64_t offset_ = 0;
  FeatureScratch scratch_;
};

MakeRanking ranked_by(Kind kind, bool trust) {
  return [kind, trust](const World& world) -> Result<ItemRanking> {
    auto folded = std::make_shared<Folded>(world, kind, trust);
    TRY(folded->begin());
    return ItemRanking{
        .observe = [folded](std::span<const Happening> some) { return folded->observe(some); },
        .scores = [folded](TimeUs now) { return folded->scores(now); },
        .trust = [folded] { return folded->trust(); }};
  };
}

// Without a defence: popularity without trust; what trends is what was liked most in some hours.
MakeRanking open(Kind kind) {
  constexpr double kTrendHalfLifeS = 6 * 3600;
  return kind == Kind::kPopularity ? ranked_by(kind, false) : count_likes(kTrendHalfLifeS);
}

struct Attack {
  const char* name;
  double SimulateConfig::* share;
};
constexpr Attack kAttacks[] = {{"click farm", &SimulateConfig::farm_share},
                               {"sign-up flood", &SimulateConfig::flood_share},
                               {"sleepers", &SimulateConfig::sleeper_share},
                               {"rating bombers", &SimulateConfig::bomber_share}};

std::string hours(const Exposure& exposure) {
  std::string out;
  for (const double h : exposure.hours_to_trend)
    out += (out.empty() ? "" : ", ") + (h < 0 ? std::string("never") : fmt::format("{:.0f}", h));
  return out;
}

Status print_table(Kind kind, const SimulateConfig& base, std::span<const double> shares) {
  std::printf(
      "| %s, attack | of traffic | target's share without attack | with | defended | gain "
      "left | precision | recall | honest caught | hits trend after h |\n"
      "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
      kind == Kind::kPopularity ? "popularity" : "trending");
  for (const Attack& attack : kAttacks) {
    for (const double share : shares) {
      SimulateConfig config = base;
      config.*attack.share = share;
      const Defence d = TRY(measure_defence(config, open(kind), ranked_by(kind, true)));
      std::printf(
          "| %s | %.1f %% | %.3f %% | %.3f %% | %.3f %% | %.0f %% | %.0f %% | %.0f %% | "
          "%.2f %% | %s |\n",
          attack.name, 100 * d.attack.attack_share, 100 * d.peace.target_share,
          100 * d.attack.target_share, 100 * d.attack_defended.target_share, 100 * d.gain_left(),
          100 * d.attack_defended.precision, 100 * d.attack_defended.recall,
          100 * d.attack_defended.honest_caught, hours(d.attack_defended).c_str());
      std::fflush(stdout);
    }
  }
  return {};
}

}  // namespace
}  // namespace palate

int main(int count, char** arguments) {
  palate::SimulateConfig config;
  config.users = count > 1 ? std::atol(arguments[1]) : 2000;
  config.seed = count > 2 ? static_cast<uint64_t>(std::atol(arguments[2])) : 1;
  config.items = 500;
  config.days = 10;
  config.breakout_share = 0.01;
  std::vector<double> shares{0.01, 0.05, 0.2};
  if (count > 3) shares = {std::atof(arguments[3])};
  for (const auto kind : {palate::Kind::kPopularity, palate::Kind::kTrending}) {
    if (const auto printed = palate::print_table(kind, config, shares); !printed) {
      std::fprintf(stderr, "%s\n", printed.error().message.c_str());
      return 1;
    }
  }
  return 0;
}
