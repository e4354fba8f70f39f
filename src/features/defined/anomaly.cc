#include "features/defined/anomaly.h"

#include <algorithm>
#include <cmath>

namespace palate::defined {
namespace {

constexpr double kSmoothingLikes = 5;  // added to what is likely: little says little

// What would be no wonder, where `usual` of all likes come from new accounts.
double tolerated(double usual) { return 2 * usual + 0.05; }

// How far `count` lies above what is likely.
double deviation(double count, double likely) {
  return (count - likely) / std::sqrt(likely + kSmoothingLikes);
}

}  // namespace

LikesAtOnce::LikesAtOnce(const FeatureInput& in)
    : in_(in), likes_(in.from.signals->items().column(in.from.signals->likes())) {
  const auto read_all = [&](size_t column, HalfLife which) {
    return in.from.signals->all().read(column, 0, which, in.decay);
  };
  for (const HalfLife which : {kHour, kDay, kWeek}) {
    all_[which] = read_all(in.from.signals->likes(), which);
  }
  all_raw_ = read_all(in.from.signals->raw(), kDay);
  if (all_raw_ > 0) usual_ = read_all(in.from.signals->young(), kDay) / all_raw_;
}

LikesAtOnce::Young LikesAtOnce::young(ItemIx item) const {
  const double raw = read(in_.from.signals->raw(), item, kDay);
  const double fresh = read(in_.from.signals->young(), item, kDay);
  return {raw, (fresh + kSmoothingLikes * usual_) / (raw + kSmoothingLikes)};
}

double LikesAtOnce::trending(ItemIx item) const {
  const double hour = likes_.read(item.value, kHour, in_.decay);
  if (hour <= 0) return 0;  // before the other reads: most items have none
  const Likes likes{hour, likes_.read(item.value, kDay, in_.decay),
                    likes_.read(item.value, kWeek, in_.decay)};
  return trending(item, {likes, all_});
}

// Likely is the item's share of the last week times all likes now.
double LikesAtOnce::trending(ItemIx item, const LikesAmong& likes) const {
  const auto& [own, all] = likes;
  if (own[kHour] <= 0 || all[kWeek] <= 0) return 0;
  const double share_of_week = own[kWeek] / all[kWeek];
  const double likely_hour = share_of_week * all[kHour], likely_day = share_of_week * all[kDay];
  // Before the roots: most items do not rise.
  if (own[kHour] <= likely_hour || own[kDay] <= likely_day) return 0;
  const double rise =
      std::min(deviation(own[kHour], likely_hour), deviation(own[kDay], likely_day));
  const double trusted = tolerated(usual_) / std::max(young(item).share, tolerated(usual_));
  return rise * trusted * trusted;
}

bool LikesAtOnce::anomalous(ItemIx item) const {
  constexpr double kLikesMin = 20, kDeviationsMin = 6, kTrustedMin = 0.5;
  const Young accounts = young(item);
  if (accounts.likes < kLikesMin) return false;
  const double trusted = likes_.read(item.value, kDay, in_.decay);
  const double spread = std::sqrt(accounts.likes * usual_ * (1 - usual_) + 1);
  const double excess = accounts.likes * (accounts.share - usual_) / spread;
  return trusted * all_raw_ < kTrustedMin * accounts.likes * all_[kDay] ||
         (excess > kDeviationsMin && accounts.share > tolerated(usual_));
}

double burst_share(const FeatureInput& in) {
  const LikesAtOnce at_once(in);
  size_t likes = 0, flagged = 0;
  for (const HistoryEntry& event : in.derived.events) {
    if (event.preference <= 0) continue;
    ++likes;
    flagged += at_once.anomalous(event.item) ? 1 : 0;
  }
  constexpr double kOthers = 2;  // one like of such an item says little of who liked it
  return static_cast<double>(flagged) / (static_cast<double>(likes) + kOthers);
}

}  // namespace palate::defined
