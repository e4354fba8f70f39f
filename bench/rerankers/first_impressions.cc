// How long what is new waits until people have seen it. A world lives on its own policy for some
// days; then a pipeline answers everybody, trained anew each night, and people come back, stay or
// leave by what it shows. Items come as they are released.
//   first_impressions DAYS [--simulate.users=… …] < STAGES
// DAYS: of the world's own policy. STAGES: of the pipeline, a line each.
// Prints one JSON object: of each item released since, the day, how many fair impressions it had,
// and when and after how many answered requests it had 1, 10 and 100 of them; of each person, how
// many pages he got and what was true of them.
//
// A fair impression is one person more who has looked at the item: places are looked at as far as
// the world says (Truth::examination), and who has seen an item counts no second time. So the sum
// over people of the probability that he has looked at it at least once.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "rerankers/served_world.h"
#include "simulate/emit.h"
#include "simulate/truth/truth.h"
#include "world_flags.h"

namespace palate::bench {
namespace {

constexpr std::string_view kPipeline = "measured";
constexpr std::array<double, 3> kFairImpressions{1, 10, 100};

// What happens to one item that is released while the pipeline answers.
struct Launch {
  std::vector<float> unseen;  // by user: the probability that he has not looked at it
  double fair = 0;
  size_t requests_before = 0;
  struct Reached {
    double day = 0;
    size_t requests = 0;  // of everybody, since the release
  };
  std::array<std::optional<Reached>, kFairImpressions.size()> reached;
};

class Impressions {
 public:
  Impressions(const World& world, const Truth& truth, double from_day)
      : world_(world), truth_(truth) {
    for (uint32_t item = 0; item < world.items(); ++item) {
      const auto released = static_cast<double>(truth.item(item).released_day);
      if (released > from_day) launches_[item].unseen.assign(world.users(), 1);
    }
  }
  void shown(uint32_t user, double day, const std::vector<uint32_t>& slate) {
    ++requests_;
    for (auto& [item, launch] : launches_) {
      if (static_cast<double>(truth_.item(item).released_day) > day) ++launch.requests_before;
    }
    for (size_t slot = 0; slot < slate.size(); ++slot) {
      const auto launch = launches_.find(slate[slot]);
      if (launch != launches_.end()) look(launch->second, user, slot, day);
    }
  }
  [[nodiscard]] nlohmann::json json() const {
    nlohmann::json items = nlohmann::json::array();
    for (const auto& [item, launch] : launches_) {
      nlohmann::json reached = nlohmann::json::array();
      for (const auto& one : launch.reached) {
        reached.push_back(one ? nlohmann::json{one->day, one->requests} : nlohmann::json());
      }
      items.push_back({{"released", truth_.item(item).released_day},
                       {"fair", launch.fair},
                       {"reached", reached}});
    }
    return items;
  }
  [[nodiscard]] size_t requests() const { return requests_; }

 private:
  void look(Launch& launch, uint32_t user, size_t slot, double day) {
    const double theta = truth_.examination(static_cast<int>(slot));
    float& unseen = launch.unseen[user];
    launch.fair += theta * static_cast<double>(unseen);
    unseen *= static_cast<float>(1 - theta);
    for (size_t i = 0; i < kFairImpressions.size(); ++i) {
      if (launch.reached[i] || launch.fair < kFairImpressions[i]) continue;
      launch.reached[i] = {day, requests_ - launch.requests_before};
    }
  }

  const World& world_;
  const Truth& truth_;
  std::map<uint32_t, Launch> launches_;
  size_t requests_ = 0;
};

// What was true of the pages of each person.
class Pages {
 public:
  Pages(const World& world, const Truth& truth) : truth_(truth), of_users_(world.users()) {}
  void shown(uint32_t user, double day, const std::vector<uint32_t>& slate) {
    Sums& sums = of_users_[user];
    double attraction = 0, content = 0, looked = 0;
    for (size_t slot = 0; slot < slate.size(); ++slot) {
      const double theta = truth_.examination(static_cast<int>(slot));
      const auto felt = truth_.in_moods(user, slate[slot], day);
      looked += theta;
      for (size_t mood = 0; mood < kMoods; ++mood) {
        const double weight = theta * static_cast<double>(kMoodShares[mood]);
        attraction += weight * felt[mood].attraction;
        content += weight * felt[mood].attraction * felt[mood].satisfaction;
      }
    }
    sums.pages += 1;
    sums.attraction += attraction / looked;
    sums.content += content / looked;
  }
  [[nodiscard]] nlohmann::json json() const {
    nlohmann::json users = nlohmann::json::array();
    for (const Sums& sums : of_users_) {
      users.push_back({sums.pages, sums.attraction, sums.content});
    }
    return users;
  }

 private:
  struct Sums {
    double pages = 0, attraction = 0, content = 0;
  };
  const Truth& truth_;
  std::vector<Sums> of_users_;
};

class Loop {
 public:
  Loop(const World& world, int64_t own_days, const std::vector<std::string>& stages)
      : world_(world),
        truth_(world),
        own_days_(own_days),
        served_(world),
        impressions_(world, truth_, static_cast<double>(own_days)),
        pages_(world, truth_) {
    must(served_.pipelines.declare(
        std::string(kPipeline),
        {{"stages", stages}, {"places", int64_t{50}}, {"deadline_ms", int64_t{10'000}}}));
  }

  nlohmann::json run() {
    must(served_.begin());
    const World::Play play{
        .recommend = [this](const World::Request& request,
                            std::vector<uint32_t>& slate) { recommend(request, slate); },
        .observe = [this](const Happening& happening) { seen_.push_back(happening); },
        .census = [this](const Census& census) { census_ = census; }};
    must(world_.play(play, [](const World::Day&) { return Status(); }));
    return {{"items", impressions_.json()},
            {"users", pages_.json()},
            {"requests", impressions_.requests()},
            {"days", world_.config().days},
            {"joined", census_.joined},
            {"left", census_.left}};
  }

 private:
  void recommend(const World::Request& request, std::vector<uint32_t>& slate) {
    const double day =
        static_cast<double>(request.at.us - world_.start().us) / static_cast<double>(kDayUs);
    if (day < static_cast<double>(own_days_)) {
      slate = truth_.own_slate(request);
      return;
    }
    must(served_.observe(seen_));
    seen_.clear();
    if (static_cast<int64_t>(day) > trained_day_) {
      trained_day_ = static_cast<int64_t>(day);
      must(served_.train());
    }
    for (const RecommendedItem& item : answer(request).items) {
      slate.push_back(served_.world_item(item.ix));
    }
    impressions_.shown(request.user, day, slate);
    pages_.shown(request.user, day, slate);
  }

  // A next page is asked for with the cursor of the one before; where that does not hold any more
  // (a night was between), it is a first one.
  Slate answer(const World::Request& request) {
    LastPage& last = last_pages_[request.user];
    RecommendRequest wanted{.user = user_name(request.user),
                            .n = request.slots,
                            .pipeline = std::string(kPipeline),
                            .titles = false};
    if (request.page > 0 && last.visit == request.visit) wanted.cursor = last.cursor;
    auto slate = served_.recommend(wanted, request.at);
    if (!slate && slate.error().code == Code::kConflict) {
      wanted.cursor.clear();
      slate = served_.recommend(wanted, request.at);
    }
    Slate answered = must(std::move(slate));
    last = {request.visit, answered.cursor};
    return answered;
  }

  struct LastPage {
    uint32_t visit = 0;
    std::string cursor;
  };

  const World& world_;
  const Truth truth_;
  const int64_t own_days_;
  ServedWorld served_;
  Impressions impressions_;
  Pages pages_;
  std::vector<Happening> seen_;  // not yet logged
  std::map<uint32_t, LastPage> last_pages_;
  Census census_;
  int64_t trained_day_ = -1;
};

void run(std::span<char*> arguments) {
  const World world = world_of(arguments.subspan(2));
  std::vector<std::string> stages;
  for (std::string line; std::getline(std::cin, line);) stages.push_back(line);
  Loop loop(world, std::strtol(arguments[1], nullptr, 10), stages);
  std::puts(loop.run().dump().c_str());
}

}  // namespace
}  // namespace palate::bench

int main(int count, char** arguments) {
  if (count < 2) {
    std::fputs("first_impressions DAYS [--simulate.users=...] < STAGES\n", stderr);
    return 2;
  }
  palate::bench::run({arguments, static_cast<size_t>(count)});
  return 0;
}
