#include "bias/logged_world.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "math/philox.h"

namespace palate::bench {
namespace {

constexpr size_t kPool = 3;        // pages of the world's policy that an old ranker chooses from
constexpr double kUnsure = 0.3;    // what its scores are off by, on the scale of logits or logs
constexpr uint64_t kNoise = 7001;  // streams

double day_of(const World& world, TimeUs at) {
  return static_cast<double>(at.us - world.start().us) / static_cast<double>(kDayUs);
}

class Production {
 public:
  Production(const World& world, OldRanker ranker)
      : world_(world), truth_(world), ranker_(ranker), clicks_(world.items()) {}

  void answer(const World::Request& request, std::vector<uint32_t>& slate) {
    World::Request wider = request;
    const bool chooses = ranker_ == OldRanker::kClicked || ranker_ == OldRanker::kKnowing;
    if (chooses && !request.randomized) wider.slots *= kPool;
    slate = truth_.own_slate(wider);
    if (wider.slots == request.slots) return;
    Philox random(kNoise + world_.config().seed, ++pages_);
    std::vector<std::pair<double, uint32_t>> scored;
    for (const uint32_t item : slate) {
      scored.emplace_back(-score(request, item) - kUnsure * random.normal(), item);
    }
    std::ranges::sort(scored);
    slate.clear();
    for (size_t i = 0; i < std::min(request.slots, scored.size()); ++i) {
      slate.push_back(scored[i].second);
    }
  }
  void observe(const Happening& happening) {
    if (happening.type == Happened::kClick && happening.page != kNoPage) {
      clicks_[happening.item] += 1;
    }
  }

 private:
  double score(const World::Request& request, uint32_t item) const {
    if (ranker_ == OldRanker::kClicked) return std::log(1 + clicks_[item]);
    const double liked = truth_.attraction(request.user, item, day_of(world_, request.at));
    return std::log(liked / (1 - liked));
  }

  const World& world_;
  const Truth truth_;
  const OldRanker ranker_;
  std::vector<double> clicks_;
  uint64_t pages_ = 0;
};

// Impressions with what followed from them.
class Log {
 public:
  Log(const World& world, OldRanker ranker) : world_(world), truth_(world), ranker_(ranker) {}
  void add(const Happening& happening) {
    if (happening.page == kNoPage) return;
    const uint64_t place = uint64_t{happening.user} << 40 | uint64_t{happening.visit} << 20 |
                           uint64_t{happening.page} << 10 | static_cast<uint64_t>(happening.slot);
    if (happening.type == Happened::kImpression) {
      row_of_.emplace(place, rows.size());
      rows.push_back({.shown = {.position = static_cast<uint16_t>(happening.slot),
                                .response = 0,
                                .randomized = randomized(happening)},
                      .user = happening.user,
                      .item = happening.item,
                      .visit = happening.visit,
                      .day = static_cast<double>(happening.us) / static_cast<double>(kDayUs)});
      return;
    }
    const auto row = row_of_.find(place);
    if (row == row_of_.end()) return;
    uint16_t& response = rows[row->second].shown.response;
    if (happening.type == Happened::kClick) response = std::max<uint16_t>(response, 1);
    if (happening.type == Happened::kLike) response = 2;
    if (happening.type == Happened::kWatch) {
      rows[row->second].watched =
          happening.value / static_cast<float>(truth_.item(happening.item).length_s);
    }
  }
  std::vector<LoggedRow> rows;

 private:
  bool randomized(const Happening& happening) const {
    if (ranker_ != OldRanker::kDrawn) return happening.randomized;
    Philox random(world_.config().seed + 2 * kNoise,
                  uint64_t{happening.user} << 32 | happening.visit);
    return random.uniform() < 0.2;
  }
  const World& world_;
  const Truth truth_;
  OldRanker ranker_;
  std::unordered_map<uint64_t, size_t> row_of_;
};

}  // namespace

Result<OldRanker> parse_old_ranker(std::string_view name) {
  if (name == "drawn") return OldRanker::kDrawn;
  if (name == "own") return OldRanker::kOwn;
  if (name == "clicked") return OldRanker::kClicked;
  if (name == "knowing") return OldRanker::kKnowing;
  return fail(Code::kInvalidArgument, "an old ranker is drawn, own, clicked or knowing, not '{}'",
              name);
}

Result<std::vector<LoggedRow>> log_of(const World& world, OldRanker ranker) {
  if (ranker == OldRanker::kDrawn && world.config().random_share < 1) {
    return fail(Code::kInvalidArgument, "with 'drawn', simulate.random_share is 1");
  }
  Production production(world, ranker);
  Log log(world, ranker);
  const World::Play play{
      .recommend = [&](const World::Request& request,
                       std::vector<uint32_t>& slate) { production.answer(request, slate); },
      .observe = [&](const Happening& happening) { production.observe(happening); }};
  TRY(world.play(play, [&](const World::Day& day) -> Status {
    for (const Happening& happening : day.happenings) log.add(happening);
    return {};
  }));
  return std::move(log.rows);
}

}  // namespace palate::bench
