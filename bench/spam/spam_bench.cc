// What attacks gain against rankings by what was liked most lately, with simple defences beside:
// the lines that a learned or hand-made trust is held against. Prints the table of docs/spam.md.
//   spam_bench [USERS] [SEED]
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "simulate/spam/defence.h"
#include "simulate/truth/truth.h"

namespace palate {
namespace {

constexpr double kHalfLifeS = 12 * 3600;

// A user's first like of an item on a day counts, the others do not.
class OnceADay {
 public:
  double operator()(const Happening& happening) {
    const auto day = static_cast<uint32_t>(happening.us / kDayUs);
    if (day != day_) seen_.clear();
    day_ = day;
    return seen_[{happening.user, happening.item}]++ == 0 ? 1 : 0;
  }

 private:
  uint32_t day_ = 0;
  std::map<std::pair<uint32_t, uint32_t>, int> seen_;
};

MakeRanking counting_once_a_day(double without_slate) {
  return [without_slate](const World& world) {
    auto once = std::make_shared<OnceADay>();
    return count_likes(kHalfLifeS, [once, without_slate](const World&, const Happening& h) {
      return (*once)(h) * (h.page == kNoPage ? without_slate : 1);
    })(world);
  };
}

MakeRanking knowing_the_truth() {
  return count_likes(kHalfLifeS, [](const World& world, const Happening& happening) {
    return Truth(world).malice(happening.user) == Malice::kNone ? 1.0 : 0.0;
  });
}

struct Attack {
  const char* name;
  double SimulateConfig::* share;
};
constexpr Attack kAttacks[] = {{"click farm", &SimulateConfig::farm_share},
                               {"sign-up flood", &SimulateConfig::flood_share},
                               {"sleepers", &SimulateConfig::sleeper_share},
                               {"rating bombers", &SimulateConfig::bomber_share}};

struct Line {
  const char* name;
  MakeRanking ranking;
};

std::string hours(const Exposure& exposure) {
  std::string out;
  for (const double h : exposure.hours_to_trend)
    out += (out.empty() ? "" : ", ") + (h < 0 ? std::string("never") : fmt::format("{:.0f}", h));
  return out;
}

using InPeace = std::map<std::string, Exposure>;

Result<InPeace> print_peace(const SimulateConfig& config, std::span<const Line> lines) {
  const World world = TRY(World::make(config));
  InPeace peace;
  std::printf("| defence | target's share in peace | hits trend after h |\n|---|--:|---|\n");
  for (const Line& line : lines) {
    const Exposure now = TRY(measure_exposure(world, line.ranking));
    std::printf("| %s | %.3f %% | %s |\n", line.name, 100 * now.target_share, hours(now).c_str());
    peace[line.name] = now;
  }
  return peace;
}

// The first line's is the gain that the others are shares of.
Status print_attack(const char* name, const World& world, std::span<const Line> lines,
                    const InPeace& peace) {
  double open = 0;
  for (const Line& line : lines) {
    const Exposure now = TRY(measure_exposure(world, line.ranking));
    const double gain = now.target_share - peace.at(line.name).target_share;
    if (&line == lines.data()) {
      open = gain;
      std::printf("| %s | %.1f %% | %.3f %% |", name, 100 * now.attack_share,
                  100 * now.target_share);
    } else if (open > 1e-4) {
      std::printf(" %.0f %% |", 100 * std::max(0.0, gain) / open);
    } else {
      std::printf(" no gain |");
    }
  }
  std::printf("\n");
  std::fflush(stdout);
  return {};
}

Status print_tables(const SimulateConfig& base) {
  const Line lines[] = {{"none", count_likes(kHalfLifeS)},
                        {"once a day", counting_once_a_day(1)},
                        {"a tenth without a slate", counting_once_a_day(0.1)},
                        {"the truth", knowing_the_truth()}};
  const InPeace peace = TRY(print_peace(base, lines));
  std::printf("\n| attack | of traffic | target's share | gain left");
  for (const Line& line : std::span(lines).subspan(1))
    std::printf("%s %s |", &line == &lines[1] ? ":" : "", line.name);
  std::printf("\n|---|--:|--:|--:|--:|--:|\n");
  for (const Attack& attack : kAttacks) {
    for (const double share : {0.01, 0.05, 0.2}) {
      SimulateConfig config = base;
      config.*attack.share = share;
      TRY(print_attack(attack.name, TRY(World::make(config)), lines, peace));
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
  if (const auto printed = palate::print_tables(config); !printed) {
    std::fprintf(stderr, "%s\n", printed.error().message.c_str());
    return 1;
  }
  return 0;
}
