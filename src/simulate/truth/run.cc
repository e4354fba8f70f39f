#include "simulate/truth/run.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "base/stop.h"
#include "simulate/truth/streams.h"

namespace palate {
namespace {

constexpr size_t kBlockUsers = 2048;
constexpr int64_t kBucketUs = kDayUs / 96;
constexpr double kWordOfMouth = 4;  // how much sign-ups follow from how well people are served

struct ByTime {
  bool operator()(const Happening& a, const Happening& b) const {
    return a.us != b.us ? a.us < b.us : a.user < b.user;
  }
};

Census census_of(const Nature& nature, const std::vector<PersonState>& states, int64_t day) {
  Census census{.day = day};
  double served = 0;
  for (size_t u = 0; u < nature.people.honest(); ++u) {
    const PersonState& state = states[u];
    if (state.joined_us == kNotYet) continue;
    ++census.joined;
    if (state.left) {
      ++census.left;
    } else {
      served += double(state.served);
    }
  }
  const uint64_t here = census.joined - census.left;
  census.served = here > 0 ? served / double(here) : double(kServedUsual);
  return census;
}

// Who is due next comes first; of several at one moment, the first user.
struct Due {
  int64_t us;
  uint32_t user;
  UserDay* who;
  bool operator<(const Due& other) const {
    return us != other.us ? us > other.us : user > other.user;
  }
};

// What has been played but lies in the future of who is due.
class Future {
 public:
  void add(std::span<const Happening> happenings) {
    for (const Happening& happening : happenings) waiting_.push({happening, order_++});
  }
  template <class Visit>
  void reach(int64_t us, const Visit& visit) {
    for (; !waiting_.empty() && waiting_.top().happening.us < us; waiting_.pop())
      visit(waiting_.top().happening);
  }

 private:
  struct Waiting {
    Happening happening;
    uint64_t order;
    bool operator<(const Waiting& other) const {
      if (ByTime()(happening, other.happening)) return false;
      if (ByTime()(other.happening, happening)) return true;
      return order > other.order;
    }
  };
  std::priority_queue<Waiting> waiting_;
  uint64_t order_ = 0;
};

}  // namespace

Run::Run(const Nature& nature, const World::Play& play)
    : nature_(nature),
      play_(play),
      pool_(play.pool != nullptr ? *play.pool : alone_),
      states_(nature.people.natures().size()) {}

void Run::join(uint32_t user, int64_t at_us) {
  states_[user].joined_us = at_us;
  signed_up_.push_back(user);
}

void Run::sign_up() {
  const auto& natures = nature_.people.natures();
  const size_t residents = nature_.people.residents(), honest = nature_.people.honest();
  if (day_ == 0) {
    for (uint32_t u = 0; u < residents; ++u)
      join(u, static_cast<int64_t>(double(natures[u].signup_day) * double(kDayUs)));
  }
  const double served = census_of(nature_, states_, day_).served;
  pressure_ += std::exp(kWordOfMouth * (served - double(kServedUsual))) /
               static_cast<double>(nature_.config.days);
  const auto by_now = static_cast<size_t>(std::min(1.0, pressure_) * double(honest - residents));
  for (; newcomers_ < by_now; ++newcomers_) {
    const auto user = static_cast<uint32_t>(residents + newcomers_);
    const double moment = stream(nature_.config.seed, Draw::kUser, user, 2).uniform();
    join(user, day_ * kDayUs + static_cast<int64_t>(moment * double(kDayUs)));
  }
  for (auto u = static_cast<uint32_t>(honest); u < natures.size(); ++u) {
    if (states_[u].joined_us != kNotYet) continue;
    const int64_t at = nature_.attacks.joins_us(u, natures[u].malice);
    if (at < (day_ + 1) * kDayUs) join(u, at);
  }
}

const WorldShelf& Run::shelf_at(int64_t us) const {
  const int64_t quarter = (us - day_ * kDayUs) * kShelvesADay / kDayUs;
  return shelves_[static_cast<size_t>(std::clamp<int64_t>(quarter, 0, kShelvesADay - 1))];
}

Result<World::Day> Run::next_day() {
  TRY(check_stop(play_.stop));
  ++day_;
  signed_up_.clear();
  sign_up();
  shelves_.clear();
  shelves_.reserve(kShelvesADay);
  for (int q = 0; q < kShelvesADay; ++q)
    shelves_.emplace_back(nature_.config, nature_.items,
                          static_cast<double>(day_) + double(q) / kShelvesADay);
  TRY(play_.recommend ? play_by_time() : play_by_user());
  TRY(sort_day());
  if (play_.census) play_.census(census_of(nature_, states_, day_));
  return World::Day{day_, signed_up_, sorted_};
}

void Run::answer(const UserDay& who, std::vector<uint32_t>& slate) const {
  const auto slots = static_cast<size_t>(nature_.config.slots);
  if (play_.recommend && !who.randomized()) {
    slate.clear();
    play_.recommend({.user = who.user(),
                     .at = {nature_.start.us + who.next_us()},
                     .slots = slots,
                     .visit = who.visit(),
                     .page = who.page(),
                     .randomized = false},
                    slate);
    if (slate.size() > slots) slate.resize(slots);
    return;
  }
  Philox random = own_policy_stream(nature_.config.seed, who.user(), who.visit(), who.page());
  shelf_at(who.next_us()).draw(random, who.slate_for(), slots, slate);
}

// Blocks of users, each with a vector of its own, put together in order.
Status Run::play_by_user() {
  const size_t blocks = (states_.size() + kBlockUsers - 1) / kBlockUsers;
  std::vector<std::vector<Happening>> played(blocks);
  TRY(pool_.for_blocks(
      blocks,
      [&](size_t block, size_t) {
        std::vector<uint32_t> slate;
        const size_t end = std::min(states_.size(), (block + 1) * kBlockUsers);
        for (size_t u = block * kBlockUsers; u < end; ++u) {
          UserDay who(nature_, static_cast<uint32_t>(u), states_[u], day_);
          while (who.next_us() != kNotYet) {
            if (who.wants_page()) answer(who, slate);
            who.step(slate, shelf_at(who.next_us()), played[block]);
          }
        }
      },
      play_.stop));
  for (std::vector<Happening>& some : played) {
    played_.insert(played_.end(), some.begin(), some.end());
    some = {};
  }
  return {};
}

Status Run::play_by_time() {
  std::vector<UserDay> days;
  days.reserve(states_.size());
  std::priority_queue<Due> due;
  for (uint32_t u = 0; u < states_.size(); ++u) {
    UserDay who(nature_, u, states_[u], day_);
    if (who.next_us() == kNotYet) continue;
    days.push_back(std::move(who));
    due.push({days.back().next_us(), u, &days.back()});
  }
  Future future;
  if (play_.observe) future.add(played_);  // the rest of the day before
  const auto observe = [&](const Happening& happening) { play_.observe(happening); };
  std::vector<uint32_t> slate;
  std::vector<Happening> step;
  while (!due.empty()) {
    TRY(check_stop(play_.stop));
    UserDay& who = *due.top().who;
    due.pop();
    future.reach(who.next_us(), observe);
    if (who.wants_page()) answer(who, slate);
    step.clear();
    who.step(slate, shelf_at(who.next_us()), step);
    if (play_.observe) future.add(step);
    played_.insert(played_.end(), step.begin(), step.end());
    if (who.next_us() != kNotYet) due.push({who.next_us(), who.user(), &who});
  }
  future.reach((day_ + 1) * kDayUs, observe);
  return {};
}

// Into buckets of a quarter of an hour, which are sorted side by side. What is left of the day
// waits in played_.
Status Run::sort_day() {
  const int64_t begin = day_ * kDayUs, end = begin + kDayUs;
  const auto bucket_of = [&](int64_t us) {
    return static_cast<size_t>(std::max<int64_t>(0, us - begin) / kBucketUs);
  };
  std::vector<size_t> places(kDayUs / kBucketUs + 1);
  std::vector<Happening> later;
  // A run ends with its last day: what would come later is not seen any more.
  for (const Happening& happening : played_) {
    if (happening.us < end) {
      ++places[bucket_of(happening.us) + 1];
    } else {
      later.push_back(happening);
    }
  }
  for (size_t b = 1; b < places.size(); ++b) places[b] += places[b - 1];
  sorted_.resize(places.back());
  std::vector<size_t> next = places;
  for (const Happening& happening : played_) {
    if (happening.us < end) sorted_[next[bucket_of(happening.us)]++] = happening;
  }
  played_ = std::move(later);
  return pool_.for_blocks(
      places.size() - 1,
      [&](size_t b, size_t) {
        const auto first = sorted_.begin() + static_cast<int64_t>(places[b]);
        std::stable_sort(first, sorted_.begin() + static_cast<int64_t>(places[b + 1]), ByTime());
      },
      play_.stop);
}

}  // namespace palate
