#include "features/activity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "features/history.h"

namespace palate {
namespace {

constexpr double kGapUnits = 256;

void add_gap(UserActivity& activity, int64_t us) {
  const auto bits =
      static_cast<uint64_t>(std::llround(std::log2(static_cast<double>(us)) * kGapUnits));
  ++activity.gaps;
  activity.gap_bits += bits;
  activity.gap_bits_squared += bits * bits;
}

void add_top(UserActivity& activity, ItemIx item) {
  UserActivity::Top* free = nullptr;
  for (UserActivity::Top& top : activity.tops) {
    if (top.count > 0 && top.item == item) {
      ++top.count;
      return;
    }
    if (top.count == 0 && free == nullptr) free = &top;
  }
  if (free != nullptr) {
    *free = {item, 1};
    return;
  }
  for (UserActivity::Top& top : activity.tops) {
    if (--top.count == 0) top.item = {};
  }
}

void add_recent(UserActivity& activity, ItemIx item) {
  auto& recent = activity.recent;
  auto at = std::find(recent.begin(), recent.end(), item);
  if (at == recent.end()) --at;
  std::rotate(recent.begin(), at, at + 1);
  recent.front() = item;
}

// An impression, or whatever else happens to an item: then what was shown of it counts no more.
void add_shown(UserActivity& activity, const HistoryEntry& entry, bool acted, size_t shown_max) {
  if (shown_max == 0 || !entry.item.valid()) return;
  auto& shown = activity.shown;
  if (acted) {
    std::erase_if(shown, [&](const auto& one) { return one.item == entry.item; });
    return;
  }
  if (shown.size() >= shown_max) {
    shown.erase(shown.begin(), shown.end() - static_cast<ptrdiff_t>(shown_max - 1));
  }
  shown.push_back({entry.item, entry.ts});
}

DecayedCounts& counts_of(UserActivity& activity, EventTypeId type) {
  const auto at = std::lower_bound(activity.types.begin(), activity.types.end(), type,
                                   [](const auto& have, EventTypeId t) { return have.type < t; });
  if (at != activity.types.end() && at->type == type) return at->counts;
  return activity.types.insert(at, {type, {}})->counts;
}

void write_item(ByteWriter& out, ItemIx item) { out.varint(item.valid() ? item.value + 1ull : 0); }

bool read_item(ByteReader& in, ItemIx& item) {
  const uint64_t value = in.varint();
  item = value == 0 ? ItemIx{} : ItemIx{static_cast<uint32_t>(value - 1)};
  return value <= ItemIx{}.value;
}

void write_shown(ByteWriter& out, const UserActivity& activity) {
  out.varint(activity.shown.size());
  uint64_t before = 0;
  for (const UserActivity::Shown& one : activity.shown) {
    out.varint(one.item.value);
    out.zigzag(static_cast<int64_t>(static_cast<uint64_t>(one.at.us) - before));
    before = static_cast<uint64_t>(one.at.us);
  }
}

bool read_shown(ByteReader& in, UserActivity& activity) {
  const size_t count = in.count(2);
  uint64_t before = 0;
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t item = in.varint();
    before += static_cast<uint64_t>(in.zigzag());
    if (item >= ItemIx{}.value) return false;
    activity.shown.push_back({{static_cast<uint32_t>(item)}, {static_cast<int64_t>(before)}});
  }
  return in.ok();
}

bool read_types(ByteReader& in, const EventTypes& types, UserActivity& activity) {
  const size_t count = in.count(2);
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const auto type = types.find(in.text());
    const auto counts = DecayedCounts::decode(in);
    if (!type || !counts) return false;
    activity.types.push_back({*type, *counts});
  }
  const auto in_order = [](const auto& a, const auto& b) { return !(a.type < b.type); };
  return in.ok() && std::ranges::adjacent_find(activity.types, in_order) == activity.types.end();
}

}  // namespace

bool fold_activity(UserActivity& activity, const HistoryEntry& entry, const ActivityRules& rules) {
  if (entry.offset < activity.end) return false;
  activity.end = entry.offset + 1;
  ++activity.events;
  const bool acted = rules.types->at(entry.type).role != Role::kExposure;
  const bool timed = entry.ts.us > 0;
  if (acted && timed) {
    if (activity.last.us > 0 && entry.ts > activity.last) {
      add_gap(activity, entry.ts.us - activity.last.us);
    }
    activity.acts.add(DecayedCounts::Change::of(entry.ts));
  }
  if (timed && acted) activity.last = std::max(activity.last, entry.ts);
  if (timed && (activity.first.us == 0 || entry.ts < activity.first)) activity.first = entry.ts;
  if (rules.counters) counts_of(activity, entry.type).add(DecayedCounts::Change::of(entry.ts));
  if (!acted) ++activity.exposures;
  add_shown(activity, entry, acted, rules.shown_max);
  if (entry.preference < 0) ++activity.dislikes;
  if (entry.preference != 0 && !entry.prompted) ++activity.unprompted;
  if (entry.preference <= 0 || !entry.item.valid()) return true;
  ++activity.likes;
  if (!entry.prompted) add_top(activity, entry.item);
  add_recent(activity, entry.item);
  return true;
}

void encode_activity(ByteWriter& out, const UserActivity& activity, const EventTypes& types) {
  out.varint(activity.end);
  out.varint(activity.events);
  out.varint(activity.exposures);
  out.varint(activity.likes);
  out.varint(activity.dislikes);
  out.varint(activity.unprompted);
  out.zigzag(activity.first.us);
  out.zigzag(static_cast<int64_t>(static_cast<uint64_t>(activity.last.us) -
                                  static_cast<uint64_t>(activity.first.us)));
  out.varint(activity.types.size());
  for (const UserActivity::OfType& of : activity.types) {
    out.text(types.at(of.type).name);
    of.counts.encode(out);
  }
  activity.acts.encode(out);
  out.varint(activity.gaps);
  out.varint(activity.gap_bits);
  out.varint(activity.gap_bits_squared);
  for (const UserActivity::Top& top : activity.tops) {
    write_item(out, top.item);
    out.varint(top.count);
  }
  for (const ItemIx item : activity.recent) write_item(out, item);
  write_shown(out, activity);
}

std::optional<UserActivity> decode_activity(ByteReader& in, const EventTypes& types) {
  UserActivity activity;
  activity.end = in.varint();
  activity.events = in.varint();
  activity.exposures = in.varint();
  activity.likes = in.varint();
  activity.dislikes = in.varint();
  activity.unprompted = in.varint();
  activity.first.us = in.zigzag();
  activity.last.us = static_cast<int64_t>(static_cast<uint64_t>(activity.first.us) +
                                          static_cast<uint64_t>(in.zigzag()));
  if (!read_types(in, types, activity)) return std::nullopt;
  const auto acts = DecayedCounts::decode(in);
  if (!acts) return std::nullopt;
  activity.acts = *acts;
  activity.gaps = in.varint();
  activity.gap_bits = in.varint();
  activity.gap_bits_squared = in.varint();
  bool right = true;
  for (UserActivity::Top& top : activity.tops) {
    right = read_item(in, top.item) && right;
    const uint64_t count = in.varint();
    right = right && count <= std::numeric_limits<uint32_t>::max();
    top.count = static_cast<uint32_t>(count);
  }
  for (ItemIx& item : activity.recent) right = read_item(in, item) && right;
  right = read_shown(in, activity) && right;
  if (!right || !in.ok()) return std::nullopt;
  return activity;
}

}  // namespace palate
