// How a blend hands over from what is known of everybody to what somebody has shown: weights that
// move with evidence, never a switch.
//
//   personal parts count      n / (n + user_events)            for a user with n liked events,
//   parts for cold users      user_events / (n + user_events)  (popularity, trending, demographic),
//   and of an item with m training interactions the parts that learn from interactions count
//                             m / (m + item_events)            beside the parts for cold items
//                                                              (content), which count in full.
// So with user_events events both kinds count half. 0 turns a hand-over off: all count in full.
#pragma once

#include <cstdint>

#include "models/model.h"

namespace palate {

struct Handover {
  double user_events = 0, item_events = 0;
};

enum class PartRole : uint8_t {
  kPersonal,   // learns from interactions
  kColdItems,  // knows items that nobody has had
  kColdUsers,  // answers for users without a history
};

inline PartRole role_of(const ModelInfo& info) {
  if (info.cold_users) return PartRole::kColdUsers;
  return info.cold_items ? PartRole::kColdItems : PartRole::kPersonal;
}

// Rises from 0 to 1 with `events`, half at `half`.
inline double evidence(double events, double half) {
  return half > 0 ? events / (events + half) : 1.0;
}

inline double share_by_user(PartRole role, double events, const Handover& handover) {
  if (handover.user_events <= 0) return 1.0;
  const double personal = evidence(events, handover.user_events);
  return role == PartRole::kColdUsers ? 1.0 - personal : personal;
}

inline double share_by_item(PartRole role, double events, const Handover& handover) {
  return role == PartRole::kPersonal ? evidence(events, handover.item_events) : 1.0;
}

// What counts as evidence of a user: events that say what he likes.
inline double liked_events(std::span<const HistoryEntry> history) {
  double liked = 0;
  for (const HistoryEntry& entry : history) liked += entry.preference > 0 ? 1 : 0;
  return liked;
}

}  // namespace palate
