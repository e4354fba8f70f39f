// What re-rankers do to lists of people whose tastes are known. A world lives on its own policy, a
// release is trained on its log, and after the last day each pipeline answers the same people.
//   reranker_curves PEOPLE [--simulate.users=… …] < STAGES
// STAGES: those of all pipelines, a line each; an empty line; then a line for each pipeline with
// the stage that it adds, or "-" for none. In a stage, {seldom} stands for a filter expression: the
// creators who were shown least, who together had at most a fifth of all impressions.
// Prints the names of the measures as a JSON list, then an object a pipeline: its stage, the
// measures of each person, and the items that he gets.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "rerankers/served_world.h"
#include "simulate/emit.h"
#include "simulate/truth/truth.h"
#include "simulate/words.h"
#include "world_flags.h"

namespace palate::bench {
namespace {

constexpr size_t kListed = 20;
constexpr size_t kLikedMin = 10;                      // of whose history people are asked about
constexpr double kHalfLifeDays = 7, kNewShown = 100;  // as `newcomers` counts by default
constexpr double kSeldomShare = 0.2;

enum Measure : size_t {
  kAttraction,
  kContent,
  kFound,
  kOwnScore,
  kCategories,
  kTastes,
  kOffLiked,
  kOffTrue,
  kNew,
  kSeldom,
  kNovelty
};
constexpr std::array kMeasureNames{"attraction", "content", "found",     "own score",
                                   "categories", "tastes",  "off liked", "off true",
                                   "new",        "seldom",  "novelty"};
using Measures = std::array<double, kMeasureNames.size()>;
using Mix = std::vector<double>;  // by category of the world, sum 1

// What was shown and clicked before anybody is asked.
class Past {
 public:
  Past(const World& world, const Truth& truth)
      : truth_(truth),
        end_us_(world.config().days * kDayUs),
        clicks_(world.items()),
        shown_lately_(world.items()) {}
  void add(std::span<const Happening> some) {
    for (const Happening& happening : some) {
      if (happening.type == Happened::kImpression) {
        shown_[truth_.item(happening.item).creator] += 1;
        const double days_ago = static_cast<double>(end_us_ - happening.us) / double(kDayUs);
        shown_lately_[happening.item] += std::exp2(-days_ago / kHalfLifeDays);
      } else if (happening.type == Happened::kClick) {
        clicks_[happening.item] += 1;
      }
    }
  }
  // Surprise of an item, in bits: -log2 of its share of all clicks.
  [[nodiscard]] std::vector<double> novelty() const {
    double all = 0;
    for (const double clicks : clicks_) all += clicks + 1;
    std::vector<double> bits;
    for (const double clicks : clicks_) bits.push_back(std::log2(all / (clicks + 1)));
    return bits;
  }
  // By item: shown so seldom that `newcomers` takes it for new.
  [[nodiscard]] std::vector<bool> fresh() const {
    std::vector<bool> fresh;
    for (const double shown : shown_lately_) fresh.push_back(shown < kNewShown);
    return fresh;
  }
  // By creator: whether he is one of those who were shown least.
  [[nodiscard]] std::vector<bool> seldom() const {
    std::vector<std::pair<double, uint32_t>> creators;
    double all = 0;
    for (const auto& [creator, shown] : shown_) {
      creators.emplace_back(shown, creator);
      all += shown;
    }
    std::ranges::sort(creators);
    std::vector<bool> seldom(creators_count());
    double sum = 0;
    for (const auto& [shown, creator] : creators) {
      sum += shown;
      if (sum > kSeldomShare * all) break;
      seldom[creator] = true;
    }
    return seldom;
  }

 private:
  const Truth& truth_;
  const int64_t end_us_;
  std::map<uint32_t, double> shown_;
  std::vector<double> clicks_, shown_lately_;
};

struct Person {
  uint32_t user = 0;
  std::vector<std::array<Truth::Felt, kMoods>> felt;  // by item
  Mix liked, tastes;
};

// H. Steck, "Calibrated Recommendations", RecSys 2018, equation 6: the divergence of the list's mix
// from the wanted one, a hundredth of which is mixed in.
double divergence(const Mix& wanted, const Mix& list) {
  constexpr double kMixed = 0.01;
  double sum = 0;
  for (size_t c = 0; c < wanted.size(); ++c) {
    if (wanted[c] <= 0) continue;
    sum += wanted[c] * std::log(wanted[c] / ((1 - kMixed) * list[c] + kMixed * wanted[c]));
  }
  return sum;
}

class Judge {
 public:
  Judge(const World& world, const Truth& truth, const Past& past)
      : truth_(truth),
        day_(static_cast<double>(world.config().days)),
        novelty_(past.novelty()),
        fresh_(past.fresh()),
        seldom_(past.seldom()) {}

  [[nodiscard]] Person person(uint32_t user, const std::vector<uint32_t>& liked) const {
    Person person{.user = user, .felt = {}, .liked = mix_of(liked), .tastes = Mix(categories())};
    for (uint32_t item = 0; item < novelty_.size(); ++item) {
      person.felt.push_back(truth_.in_moods(user, item, day_));
    }
    const PersonTastes tastes = truth_.tastes(user, day_);
    for (size_t k = 0; k < kMoods; ++k) {
      person.tastes[tastes.topics[k]] += static_cast<double>(kMoodShares[k]);
    }
    return person;
  }

  [[nodiscard]] Measures measure(const Person& person, const std::vector<uint32_t>& items,
                                 const std::vector<float>& scores) const {
    Measures out{};
    by_truth(person, items, out);
    by_place(items, scores, out);
    by_pairs(items, out);
    const Mix mix = mix_of(items);
    out[kOffLiked] = divergence(person.liked, mix);
    out[kOffTrue] = divergence(person.tastes, mix);
    return out;
  }

  // "creator in [...]" of those who were shown least.
  [[nodiscard]] std::string seldom_expression(const World& world) const {
    std::map<uint32_t, std::string> names;
    for (uint32_t item = 0; item < novelty_.size(); ++item) {
      const uint32_t creator = truth_.item(item).creator;
      if (seldom_[creator]) names[creator] = fmt::format("\"{}\"", world.item(item).creator);
    }
    std::string list;
    for (const auto& [creator, name] : names) list += (list.empty() ? "" : ",") + name;
    return fmt::format("creator in [{}]", list);
  }

 private:
  static size_t categories() { return category_words().size(); }
  [[nodiscard]] Mix mix_of(const std::vector<uint32_t>& items) const {
    Mix mix(categories());
    for (const uint32_t item : items) {
      mix[truth_.item(item).category] += 1 / static_cast<double>(items.size());
    }
    return mix;
  }
  // At a place that is looked at: what attracts, what is clicked and contents; and the probability
  // that a visit finds anything to click.
  void by_truth(const Person& person, const std::vector<uint32_t>& items, Measures& out) const {
    double looked = 0;
    std::array<double, kMoods> nothing{1, 1, 1};
    for (size_t place = 0; place < items.size(); ++place) {
      const double theta = truth_.examination(static_cast<int>(place));
      looked += theta;
      for (size_t mood = 0; mood < kMoods; ++mood) {
        const auto share = static_cast<double>(kMoodShares[mood]);
        const Truth::Felt felt = person.felt[items[place]][mood];
        out[kAttraction] += share * theta * felt.attraction;
        out[kContent] += share * theta * felt.attraction * felt.satisfaction;
        nothing[mood] *= 1 - theta * felt.attraction;
      }
    }
    out[kAttraction] /= looked;
    out[kContent] /= looked;
    for (size_t mood = 0; mood < kMoods; ++mood) {
      out[kFound] += static_cast<double>(kMoodShares[mood]) * (1 - nothing[mood]);
    }
  }
  // What places hold, as `exposure` counts attention.
  void by_place(const std::vector<uint32_t>& items, const std::vector<float>& scores,
                Measures& out) const {
    double attention = 0;
    for (size_t place = 0; place < items.size(); ++place) {
      const double weight = 1 / std::log2(static_cast<double>(place) + 2);
      const ItemNature& item = truth_.item(items[place]);
      attention += weight;
      out[kOwnScore] += weight * static_cast<double>(scores[place]);
      out[kNew] += fresh_[items[place]] ? weight : 0;
      out[kSeldom] += seldom_[item.creator] ? weight : 0;
      out[kNovelty] += weight * novelty_[items[place]];
    }
    for (const size_t m : {kOwnScore, kNew, kSeldom, kNovelty}) out[m] /= attention;
  }
  // Means over all pairs: of different categories, and 1 - cosine of true vectors.
  void by_pairs(const std::vector<uint32_t>& items, Measures& out) const {
    double pairs = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const ItemNature& a = truth_.item(items[i]);
        const ItemNature& b = truth_.item(items[j]);
        double cosine = 0;
        for (size_t d = 0; d < kTasteDims; ++d) {
          cosine += static_cast<double>(a.vector[d]) * static_cast<double>(b.vector[d]);
        }
        out[kCategories] += a.category == b.category ? 0 : 1;
        out[kTastes] += 1 - cosine;
        ++pairs;
      }
    }
    out[kCategories] /= pairs;
    out[kTastes] /= pairs;
  }

  const Truth& truth_;
  const double day_;
  const std::vector<double> novelty_;
  const std::vector<bool> fresh_, seldom_;
};

struct Asked {
  std::vector<std::string> common;  // stages of all pipelines
  std::vector<std::string> added;   // a pipeline each
};

Asked read_stages() {
  Asked asked;
  bool behind = false;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) {
      behind = true;
    } else {
      (behind ? asked.added : asked.common).push_back(line);
    }
  }
  return asked;
}

void declare(Pipelines& pipelines, const Asked& asked, const std::string& seldom) {
  for (size_t i = 0; i < asked.added.size(); ++i) {
    std::vector<std::string> stages = asked.common;
    std::string added = asked.added[i];
    if (const size_t at = added.find("{seldom}"); at != std::string::npos) {
      added.replace(at, 8, seldom);
    }
    if (added != "-") stages.push_back(std::move(added));
    must(pipelines.declare(fmt::format("p{}", i), {{"stages", std::move(stages)},
                                                   {"places", int64_t{50}},
                                                   {"deadline_ms", int64_t{10'000}}}));
  }
}

// Honest people with enough of a history, at even distances.
std::vector<Person> people_of(const ServedWorld& served, const World& world, const Judge& judge,
                              size_t wanted) {
  const Truth truth(world);
  std::vector<std::pair<uint32_t, std::vector<uint32_t>>> known;
  for (uint32_t user = 0; user < world.users(); ++user) {
    if (truth.malice(user) != Malice::kNone) continue;
    const auto state = must(served.live().user(user_name(user)));
    std::vector<uint32_t> liked;
    for (size_t i = 0; state != nullptr && i < state->history.size(); ++i) {
      const HistoryEntry& entry = state->history[i];
      if (entry.preference > 0) liked.push_back(served.world_item(entry.item));
    }
    if (liked.size() >= kLikedMin) known.emplace_back(user, std::move(liked));
  }
  std::vector<Person> people;
  const size_t step = std::max<size_t>(known.size() / wanted, 1);
  for (size_t i = 0; i < known.size() && people.size() < wanted; i += step) {
    people.push_back(judge.person(known[i].first, known[i].second));
  }
  return people;
}

struct Panel {
  const Judge& judge;
  std::vector<Person> people;
  TimeUs at;
};

void answer(ServedWorld& served, const Panel& panel, size_t pipeline, const std::string& stage) {
  nlohmann::json measured = nlohmann::json::array(), lists = nlohmann::json::array();
  for (const Person& person : panel.people) {
    const Slate slate = must(served.recommend(
        {.user = user_name(person.user), .n = kListed, .pipeline = fmt::format("p{}", pipeline)},
        panel.at));
    PALATE_CHECK(slate.level == "full" && slate.items.size() == kListed, "a list is not whole");
    std::vector<uint32_t> items;
    std::vector<float> scores;
    for (const RecommendedItem& item : slate.items) {
      items.push_back(served.world_item(item.ix));
      scores.push_back(item.score);
    }
    measured.push_back(panel.judge.measure(person, items, scores));
    lists.push_back(items);
  }
  const nlohmann::json line{{"stage", stage}, {"people", measured}, {"items", lists}};
  std::puts(line.dump().c_str());
}

void run(std::span<char*> arguments) {
  const World world = world_of(arguments.subspan(2));
  const Truth truth(world);
  const Asked asked = read_stages();
  ServedWorld served(world);
  Past past(world, truth);
  must(served.begin());
  must(world.play({}, [&](const World::Day& day) {
    past.add(day.happenings);
    return served.observe(day.happenings);
  }));
  const Judge judge(world, truth, past);
  declare(served.pipelines, asked, judge.seldom_expression(world));
  must(served.train());
  const Panel panel{
      .judge = judge,
      .people = people_of(served, world, judge, std::strtoul(arguments[1], nullptr, 10)),
      .at = {world.start().us + world.config().days * kDayUs}};
  std::puts(nlohmann::json(kMeasureNames).dump().c_str());
  for (size_t i = 0; i < asked.added.size(); ++i) {
    answer(served, panel, i, asked.added[i]);
  }
}

}  // namespace
}  // namespace palate::bench

int main(int count, char** arguments) {
  if (count < 2) {
    std::fputs("reranker_curves PEOPLE [--simulate.users=...] < STAGES\n", stderr);
    return 2;
  }
  palate::bench::run({arguments, static_cast<size_t>(count)});
  return 0;
}
