// The bytes of one user's state: docs/formats/user-state.md.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "base/check.h"
#include "features/byte_codec.h"
#include "features/history.h"

namespace palate {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kHasProfile = 1;
constexpr uint8_t kWholeSeconds = 2;

constexpr uint64_t kValueNone = 0, kValueInteger = 1, kValueFloat = 2, kValueMask = 3;
constexpr uint64_t kOwnPreference = 4;  // differs from what the types say of the value
constexpr int kFlagBits = 3;
constexpr float kIntegerMax = 1 << 20;

uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

uint64_t value_kind(float value) {
  if (std::isnan(value)) return kValueNone;
  if (value >= 0 && value <= kIntegerMax) {
    const auto whole = static_cast<float>(static_cast<uint32_t>(value));
    if (bits(whole) == bits(value)) return kValueInteger;
  }
  return kValueFloat;
}

// The types that occur in a history, in order of first appearance.
std::vector<EventTypeId> types_used(const UserState& state) {
  std::vector<EventTypeId> used;
  for (const HistoryEntry& entry : state.history) {
    if (std::find(used.begin(), used.end(), entry.type) == used.end()) used.push_back(entry.type);
  }
  return used;
}

void write_history(ByteWriter& out, const UserState& state, const EventTypes& types,
                   int64_t unit_us) {
  const std::vector<EventTypeId> used = types_used(state);
  out.varint(used.size());
  for (const EventTypeId id : used) {
    PALATE_CHECK(id.value < types.size(), "an entry of a history has an unknown event type");
    out.text(types.at(id).name);
  }
  out.varint(state.history.size());
  uint64_t offset = 0;
  int64_t tick = 0;
  for (const HistoryEntry& entry : state.history) {
    const auto slot = std::find(used.begin(), used.end(), entry.type) - used.begin();
    uint64_t flags = value_kind(entry.value);
    if (bits(types.preference(entry.type, entry.value)) != bits(entry.preference)) {
      flags |= kOwnPreference;
    }
    out.varint(static_cast<uint64_t>(slot) << kFlagBits | flags);
    out.varint(entry.offset - offset);
    out.varint(entry.item.value);
    const int64_t now = entry.ts.us / unit_us;
    out.zigzag(static_cast<int64_t>(static_cast<uint64_t>(now) - static_cast<uint64_t>(tick)));
    if ((flags & kValueMask) == kValueInteger) out.varint(static_cast<uint64_t>(entry.value));
    if ((flags & kValueMask) == kValueFloat) out.fixed32(bits(entry.value));
    if ((flags & kOwnPreference) != 0) out.fixed32(bits(entry.preference));
    offset = entry.offset;
    tick = now;
  }
}

void write_map(ByteWriter& out, const std::map<std::string, std::string>& map) {
  out.varint(map.size());
  for (const auto& [key, value] : map) {
    out.text(key);
    out.text(value);
  }
}

bool read_map(ByteReader& in, std::map<std::string, std::string>& map) {
  const size_t count = in.count(2);
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view key = in.text();
    map.insert_or_assign(std::string(key), std::string(in.text()));
  }
  return in.ok() && map.size() == count;
}

void write_profile(ByteWriter& out, const UserRecord& profile) {
  out.byte(profile.personalization ? 1 : 0);
  out.text(profile.region);
  out.text(profile.language);
  out.text(profile.age_band);
  write_map(out, profile.attributes);
  write_map(out, profile.survey);
}

bool read_profile(ByteReader& in, UserState& state) {
  UserRecord& profile = state.profile;
  const uint8_t consent = in.byte();
  profile.id = state.name;
  profile.personalization = consent == 1;
  profile.region = in.text();
  profile.language = in.text();
  profile.age_band = in.text();
  return consent <= 1 && read_map(in, profile.attributes) && read_map(in, profile.survey);
}

Result<std::vector<EventTypeId>> read_types(ByteReader& in, const EventTypes& types) {
  std::vector<EventTypeId> used;
  const size_t count = in.count(1);
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.text();
    const auto id = types.find(name);
    if (!in.ok()) break;
    if (!id) {
      return fail(Code::kUnsupportedVersion,
                  "user state names the event type '{}', which is not declared: it must be rebuilt",
                  name);
    }
    used.push_back(*id);
  }
  return used;
}

float read_value(ByteReader& in, uint64_t flags) {
  switch (flags & kValueMask) {
    case kValueInteger:
      return static_cast<float>(in.varint());
    case kValueFloat:
      return std::bit_cast<float>(in.fixed32());
    default:
      return std::numeric_limits<float>::quiet_NaN();
  }
}

Status read_history(ByteReader& in, UserState& state, const EventTypes& types, int64_t unit_us) {
  const std::vector<EventTypeId> used = TRY(read_types(in, types));
  const size_t count = in.count(4);
  state.history.reserve(count);
  uint64_t offset = 0;
  uint64_t tick = 0;
  bool right = true;
  for (size_t i = 0; i < count && right; ++i) {
    HistoryEntry entry;
    const uint64_t head = in.varint();
    const uint64_t step = in.varint();
    const uint64_t item = in.varint();
    tick += static_cast<uint64_t>(in.zigzag());
    right = in.ok() && head >> kFlagBits < used.size() && (head & kValueMask) != kValueMask &&
            step <= std::numeric_limits<uint64_t>::max() - offset && item < ItemIx{}.value;
    if (!right) break;
    offset += step;
    entry.offset = offset;
    entry.item.value = static_cast<uint32_t>(item);
    entry.ts.us = static_cast<int64_t>(tick * static_cast<uint64_t>(unit_us));
    entry.type = used[head >> kFlagBits];
    entry.value = read_value(in, head);
    entry.preference = (head & kOwnPreference) != 0 ? std::bit_cast<float>(in.fixed32())
                                                    : types.preference(entry.type, entry.value);
    state.history.push_back(entry);
  }
  if (!right || !in.ok()) return fail(Code::kCorrupt, "user state: its history is damaged");
  return {};
}

bool read_consumed(ByteReader& in, UserState& state) {
  const size_t count = in.count(1);
  state.consumed.reserve(count);
  uint64_t next = 0;
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t step = in.varint();
    if (step >= ItemIx{}.value || next + step >= ItemIx{}.value) return false;
    state.consumed.push_back({static_cast<uint32_t>(next + step)});
    next += step + 1;
  }
  return in.ok();
}

}  // namespace

std::string encode_user_state(const UserState& state, const EventTypes& types) {
  const bool seconds = std::all_of(state.history.begin(), state.history.end(),
                                   [](const auto& e) { return e.ts.us % kSecondUs == 0; });
  ByteWriter out;
  out.reserve(48 + state.name.size() + state.history.size() * 10 + state.consumed.size() * 2);
  out.byte(kVersion);
  out.byte((state.has_profile ? kHasProfile : 0) | (seconds ? kWholeSeconds : 0));
  out.text(state.name);
  write_history(out, state, types, seconds ? kSecondUs : 1);
  out.varint(state.consumed.size());
  uint64_t next = 0;
  for (const ItemIx item : state.consumed) {
    out.varint(item.value - next);
    next = uint64_t{item.value} + 1;
  }
  if (state.has_profile) write_profile(out, state.profile);
  return out.take();
}

Result<UserState> decode_user_state(std::string_view bytes, const EventTypes& types) {
  ByteReader in(bytes);
  const uint8_t version = in.byte();
  if (in.ok() && version != kVersion) {
    return fail(Code::kUnsupportedVersion, "user state has version {}, this program reads {}",
                version, kVersion);
  }
  const uint8_t flags = in.byte();
  UserState state;
  state.name = in.text();
  state.has_profile = (flags & kHasProfile) != 0;
  if (!in.ok() || flags > (kHasProfile | kWholeSeconds)) {
    return fail(Code::kCorrupt, "user state: its head is damaged");
  }
  TRY(read_history(in, state, types, (flags & kWholeSeconds) != 0 ? kSecondUs : 1));
  if (!read_consumed(in, state)) {
    return fail(Code::kCorrupt, "user state: its consumed items are damaged");
  }
  if (state.has_profile && !read_profile(in, state)) {
    return fail(Code::kCorrupt, "user state: its profile is damaged");
  }
  if (!in.at_end()) return fail(Code::kCorrupt, "user state: {}", "bytes are left over");
  return state;
}

}  // namespace palate
