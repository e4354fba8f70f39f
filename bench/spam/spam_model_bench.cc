// Trains the model of trust that comes with Palate on simulated worlds, and holds it against the
// hand-made rules on worlds that it has not seen: other seeds, other intensities. Prints the table
// of docs/spam.md.
//   spam_model_bench train > MODEL       (src/features/trust_built_in.cc is made from it)
//   spam_model_bench judge [MODEL]       without MODEL: the one that comes with Palate
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include "base/file.h"
#include "events/block.h"
#include "features/memory_parts_for_test.h"
#include "features/trust_train.h"
#include "math/judgement.h"
#include "math/philox.h"
#include "simulate/emit.h"
#include "simulate/world.h"

namespace palate {
namespace {

constexpr uint64_t kTrainSeed = 1001, kJudgeSeed = 2001;
constexpr int kTrainWorlds = 12, kJudgeWorlds = 8;
constexpr double kTrainShares[] = {0.004, 0.0125, 0.05}, kJudgeShares[] = {0.0025, 0.02};

// All kinds of attackers at once, each with the share.
SimulateConfig attacked(uint64_t seed, double share) {
  SimulateConfig config;
  config.users = 1500;
  config.items = 400;
  config.days = 10;
  config.breakout_share = 0.01;
  config.seed = seed;
  config.farm_share = config.bomber_share = config.sleeper_share = config.flood_share = share;
  return config;
}

Result<std::vector<TrustSample>> samples_of(const SimulateConfig& config, const EventTypes& types) {
  const World world = TRY(World::make(config));
  MemoryLog log;
  TRY(world.play({}, [&](const World::Day& day) -> Status {
    const EventBatch batch = TRY(to_events(world, day.happenings, types));
    std::vector<EventLog::Append> appends;
    for (auto& block : encode_events(batch.rows, types)) {
      appends.push_back({Stream::kEvents, 0, block.count, std::move(block.bytes)});
    }
    TRY(log.append(appends));
    return {};
  }));
  return trust_samples(log, types, TRY(parse_flagged(to_flagged_lines(world))), {});
}

Result<std::vector<TrustSample>> samples_of_worlds(uint64_t seed, int worlds,
                                                   std::span<const double> shares) {
  const EventTypes types = EventTypes::defaults();
  std::vector<TrustSample> all;
  for (int w = 0; w < worlds; ++w) {
    const double share = shares[static_cast<size_t>(w) % shares.size()];
    const uint64_t of_world = seed + static_cast<uint64_t>(w);
    for (TrustSample& sample : TRY(samples_of(attacked(of_world, share), types))) {
      sample.user += of_world << 32;
      all.push_back(sample);
    }
  }
  return all;
}

struct Figures {
  double auc = 0, precision = 0, recall = 0, honest_doubted = 0;
};

// `trust`: of each sample, from 0 to 1.
Figures figures_of(std::span<const TrustSample> samples, std::span<const double> trust) {
  std::vector<double> doubt;
  std::vector<uint8_t> ill;
  double caught[2] = {0, 0}, all[2] = {0, 0};
  for (size_t s = 0; s < samples.size(); ++s) {
    const size_t which = samples[s].ill ? 1 : 0;
    doubt.push_back(1 - trust[s]);
    ill.push_back(static_cast<uint8_t>(which));
    ++all[which];
    caught[which] += trust[s] < 0.5 ? 1 : 0;
  }
  return {.auc = auc(doubt, ill).value_or(0),
          .precision = caught[0] + caught[1] > 0 ? caught[1] / (caught[0] + caught[1]) : 1,
          .recall = all[1] > 0 ? caught[1] / all[1] : 0,
          .honest_doubted = all[0] > 0 ? caught[0] / all[0] : 0};
}

// Accounts are drawn with replacement, each with all of its moments.
std::vector<Figures> resampled(std::span<const TrustSample> samples,
                               std::span<const double> trust) {
  constexpr int kDraws = 200;
  std::map<uint64_t, std::vector<size_t>> by_user;
  for (size_t s = 0; s < samples.size(); ++s) by_user[samples[s].user].push_back(s);
  std::vector<std::vector<size_t>> accounts;
  for (auto& [user, places] : by_user) accounts.push_back(std::move(places));
  std::vector<Figures> out;
  for (int d = 0; d < kDraws; ++d) {
    Philox random(17, static_cast<uint64_t>(d));
    std::vector<TrustSample> drawn;
    std::vector<double> of_drawn;
    for (size_t a = 0; a < accounts.size(); ++a) {
      for (const size_t s : accounts[random.below(static_cast<uint32_t>(accounts.size()))]) {
        drawn.push_back(samples[s]);
        of_drawn.push_back(trust[s]);
      }
    }
    out.push_back(figures_of(drawn, of_drawn));
  }
  return out;
}

std::string interval(const std::vector<Figures>& draws, double Figures::* of) {
  std::vector<double> values;
  for (const Figures& draw : draws) values.push_back(draw.*of);
  std::ranges::sort(values);
  return fmt::format("{:.1f}–{:.1f}", 100 * values[values.size() / 40],
                     100 * values[values.size() - 1 - values.size() / 40]);
}

void print_line(const char* name, std::span<const TrustSample> samples,
                std::span<const double> trust) {
  const Figures at = figures_of(samples, trust);
  const auto draws = resampled(samples, trust);
  std::string line = fmt::format("| {} |", name);
  for (double Figures::* of :
       {&Figures::auc, &Figures::precision, &Figures::recall, &Figures::honest_doubted}) {
    line += fmt::format(" {:.2f} % ({}) |", 100 * at.*of, interval(draws, of));
  }
  std::printf("%s\n", line.c_str());
}

Status judge(const TrustModel& model) {
  const auto samples = TRY(samples_of_worlds(kJudgeSeed, kJudgeWorlds, kJudgeShares));
  const auto ill = std::ranges::count_if(samples, [](const TrustSample& s) { return s.ill; });
  std::printf("%zu moments, %td of accounts that mean ill\n\n", samples.size(), ill);
  std::printf("| trust | AUC | precision | recall | honest doubted |\n|---|--:|--:|--:|--:|\n");
  std::vector<double> hand_made, seen, blind;
  for (const TrustSample& sample : samples) {
    hand_made.push_back(double(sample.hand_made) / kWholeWeight);
    seen.push_back(1 - malice_of(model.with_slates, sample.inputs));
    blind.push_back(1 - malice_of(model.without_slates, without_slates(sample.inputs)));
  }
  print_line("hand-made", samples, hand_made);
  print_line("model", samples, seen);
  print_line("model, slates not known", samples, blind);
  return {};
}

Status run(std::span<char*> arguments) {
  const std::string what = arguments.size() > 1 ? arguments[1] : "";
  if (what == "train") {
    const auto samples = TRY(samples_of_worlds(kTrainSeed, kTrainWorlds, kTrainShares));
    std::fputs(TRY(train_trust(samples, {})).text().c_str(), stdout);
    return {};
  }
  if (what != "judge") return fail(Code::kInvalidArgument, "spam_model_bench train | judge");
  if (arguments.size() == 2) return judge(built_in_trust_model());
  return judge(TRY(parse_trust_model(TRY(read_file(arguments[2])))));
}

}  // namespace
}  // namespace palate

int main(int count, char** arguments) {
  const auto done = palate::run({arguments, static_cast<size_t>(count)});
  if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
