// How much a user's events are to be trusted: by a model (trust_model.h), or by hand-made rules.
#pragma once

#include "features/activity.h"
#include "features/history.h"
#include "features/item_signals.h"
#include "features/trust_model.h"

namespace palate {

// Of kWholeWeight.
struct Trust {
  uint16_t with_slates = kWholeWeight;
  uint16_t without_slates = kWholeWeight;  // where likes mostly answer no slate
};
Trust trust_of(const UserActivity& activity, const TrustModel& model);
// How much the event counts that `activity` has folded last: its user's trust, less for the first
// ones of an account, for what repeats itself about one item, and for what answers no slate while
// the account was hardly shown anything.
EventWeight weight_of_last(const UserActivity& activity, const HistoryEntry& event,
                           const TrustModel& model);

}  // namespace palate
