// What corrections of logged impressions are worth, where the truth is known: the two halves
// around `palate-train fit` that bench/bias/bias.py runs.
//   bias_bench examples OUT OLD_RANKER user|item [--simulate.users=… …]
// plays a world behind an old ranker and writes examples with each correction; user|item: what the
// new ranker sees. Prints what was estimated, as JSON.
//   bias_bench judge NETWORK OUT/judged
// prints, as JSON, of each user how well a trained ranker orders drawn pages by what is true:
// NDCG@10, the share of pairs in the right order, and the means of what it predicts and of what is
// true.
#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <span>
#include <string>

#include "bias/biased_examples.h"
#include "bias/page_scores.h"
#include "math/metrics.h"
#include "world_flags.h"

namespace palate::bench {
namespace {

using Json = nlohmann::json;

Status write(std::span<char*> arguments) {
  const OldRanker ranker = TRY(parse_old_ranker(arguments[1]));
  const World world = world_of(arguments.subspan(3));
  const ExamplesPlan plan{.sees_user = std::string_view(arguments[2]) == "user",
                          .judged_from_day = 0.8 * static_cast<double>(world.config().days)};
  const auto log = TRY(log_of(world, ranker));
  std::puts(TRY(write_examples(world, log, plan, arguments[0])).dump().c_str());
  return {};
}

struct Judged {
  double ndcg = 0, pairs = 0, predicted = 0, truth = 0, pages = 0;
};

void judge_page(std::span<const float> score, std::span<const float> truth, Judged& into) {
  std::vector<uint32_t> all(score.size());
  std::iota(all.begin(), all.end(), 0U);
  std::vector<uint32_t> ranked = all;
  std::ranges::stable_sort(ranked, [&](uint32_t a, uint32_t b) { return score[a] > score[b]; });
  into.ndcg += ranking_metrics({.ranked = ranked, .relevant = all, .gains = truth}, 10).ndcg;
  double right = 0, pairs = 0;
  for (size_t a = 0; a < score.size(); ++a) {
    for (size_t b = 0; b < score.size(); ++b) {
      if (!(truth[a] > truth[b])) continue;
      pairs += 1;
      right += score[a] > score[b] ? 1 : score[a] == score[b] ? 0.5 : 0;
    }
  }
  into.pairs += pairs > 0 ? right / pairs : 0.5;
  const auto items = static_cast<double>(score.size());
  into.predicted += std::accumulate(score.begin(), score.end(), 0.0) / items;
  into.truth += std::accumulate(truth.begin(), truth.end(), 0.0) / items;
  into.pages += 1;
}

Status judge(std::span<char*> arguments) {
  const auto artefact = TRY(Artefact::open(arguments[0]));
  const auto network = TRY(Network::load(artefact));
  const Examples examples = TRY(Examples::open(arguments[1]));
  const std::vector<float> scores = TRY(scores_of(*network, examples)).front();
  const size_t user = column_named(examples.schema().ids, "judged_user");
  std::map<uint32_t, Judged> users;
  for (size_t first = 0; first < examples.rows(); first += kPageRows) {
    judge_page(std::span(scores).subspan(first, kPageRows),
               examples.label(0).subspan(first, kPageRows), users[examples.ids(user, first)[0]]);
  }
  Json json = {{"ndcg", Json::array()}, {"pairs", Json::array()}};
  for (const char* of_users : {"predicted", "truth"}) json[of_users] = Json::array();
  for (const auto& [id, judged] : users) {
    json["ndcg"].push_back(judged.ndcg / judged.pages);
    json["pairs"].push_back(judged.pairs / judged.pages);
    json["predicted"].push_back(judged.predicted / judged.pages);
    json["truth"].push_back(judged.truth / judged.pages);
  }
  std::puts(json.dump().c_str());
  return {};
}

Status run(std::span<char*> arguments) {
  const std::string_view what = arguments.size() > 1 ? arguments[1] : "";
  if (what == "examples" && arguments.size() >= 5) return write(arguments.subspan(2));
  if (what == "judge" && arguments.size() == 4) return judge(arguments.subspan(2));
  return fail(Code::kInvalidArgument,
              "bias_bench examples OUT OLD_RANKER user|item [--simulate.…] | judge NETWORK JUDGED");
}

}  // namespace
}  // namespace palate::bench

int main(int count, char** arguments) {
  const auto done = palate::bench::run({arguments, static_cast<size_t>(count)});
  if (!done) std::fprintf(stderr, "bias_bench: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
