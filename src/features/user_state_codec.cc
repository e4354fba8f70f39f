// The bytes of one user's state: docs/formats/user-state.md.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <span>

#include "base/byte_codec.h"
#include "base/check.h"
#include "features/history.h"

namespace palate {
namespace {

constexpr uint8_t kVersion = 2;
constexpr uint8_t kHasProfile = 1;
constexpr uint8_t kWholeSeconds = 2;
constexpr uint8_t kHasActivity = 4;

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

// Of an entry: four varints, and two words or another varint.
constexpr size_t kEntryBytesMax = 4 * 10 + 2 * 4 + 10;

char* put_word_at(char* next, uint32_t word) {
  std::memcpy(next, &word, sizeof word);
  return next + sizeof word;
}

// What is needed to write one entry after the other.
struct EntryWriter {
  const EventTypes& types;
  std::span<const EventTypeId> used;
  uint64_t offset = 0;
  int64_t tick = 0;
  // Of the first types and small whole values, NaN while not known: most entries have such.
  static constexpr size_t kTypesKept = 4, kWholesKept = 8;
  std::array<float, kTypesKept * kWholesKept> kept = all_nan();

  static std::array<float, kTypesKept * kWholesKept> all_nan() {
    std::array<float, kTypesKept * kWholesKept> table;
    table.fill(std::numeric_limits<float>::quiet_NaN());
    return table;
  }
  float preference_of(const HistoryEntry& entry, ptrdiff_t slot) {
    const auto whole = entry.value >= 0 && entry.value < kWholesKept
                           ? static_cast<size_t>(entry.value)
                           : kWholesKept;
    const auto type = static_cast<size_t>(slot);
    if (type >= kTypesKept || whole == kWholesKept || static_cast<float>(whole) != entry.value) {
      return types.preference(entry.type, entry.value);
    }
    float& known = kept[type * kWholesKept + whole];
    if (std::isnan(known)) known = types.preference(entry.type, entry.value);
    return known;
  }

  template <int64_t UnitUs>
  char* write(char* next, const HistoryEntry& entry) {
    const auto slot = std::find(used.begin(), used.end(), entry.type) - used.begin();
    uint64_t flags = value_kind(entry.value);
    if (bits(preference_of(entry, slot)) != bits(entry.preference)) {
      flags |= kOwnPreference;
    }
    next = put_varint_at(next, static_cast<uint64_t>(slot) << kFlagBits | flags);
    next = put_varint_at(next, entry.offset - offset);
    next = put_varint_at(next, entry.item.value);
    const int64_t now = entry.ts.us / UnitUs;
    next = put_varint_at(next, zigzag_of(static_cast<int64_t>(static_cast<uint64_t>(now) -
                                                              static_cast<uint64_t>(tick))));
    if ((flags & kValueMask) == kValueInteger) {
      next = put_varint_at(next, static_cast<uint64_t>(entry.value));
    }
    if ((flags & kValueMask) == kValueFloat) next = put_word_at(next, bits(entry.value));
    if ((flags & kOwnPreference) != 0) next = put_word_at(next, bits(entry.preference));
    offset = entry.offset;
    tick = now;
    return next;
  }
};

void write_history(ByteWriter& out, const UserState& state, const EventTypes& types,
                   bool whole_seconds) {
  const std::vector<EventTypeId> used = types_used(state);
  out.varint(used.size());
  for (const EventTypeId id : used) {
    PALATE_CHECK(id.value < types.size(), "an entry of a history has an unknown event type");
    out.text(types.at(id).name);
  }
  out.varint(state.history.size());
  EntryWriter writer{types, used};
  out.many(state.history.size() * kEntryBytesMax, [&](char* next) {
    for (const HistoryEntry& entry : state.history) {
      next = whole_seconds ? writer.write<kSecondUs>(next, entry) : writer.write<1>(next, entry);
    }
    return next;
  });
}

void write_consumed(ByteWriter& out, std::span<const ItemIx> consumed) {
  out.varint(consumed.size());
  constexpr size_t kItemBytesMax = 10;
  out.many(consumed.size() * kItemBytesMax, [&](char* at) {
    uint64_t next = 0;
    for (const ItemIx item : consumed) {
      at = put_varint_at(at, item.value - next);
      next = uint64_t{item.value} + 1;
    }
    return at;
  });
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

void encode_user_state(const UserState& state, const EventTypes& types, std::string& bytes) {
  const bool seconds = std::all_of(state.history.begin(), state.history.end(),
                                   [](const auto& e) { return e.ts.us % kSecondUs == 0; });
  ByteWriter out;
  bytes.clear();
  out.write_into(std::move(bytes));
  out.byte(kVersion);
  out.byte((state.has_profile ? kHasProfile : 0) | (seconds ? kWholeSeconds : 0) |
           (state.activity ? kHasActivity : 0));
  out.text(state.name);
  write_history(out, state, types, seconds);
  write_consumed(out, state.consumed);
  if (state.has_profile) write_profile(out, state.profile);
  if (state.activity) encode_activity(out, *state.activity, types);
  bytes = out.take();
}

std::string encode_user_state(const UserState& state, const EventTypes& types) {
  std::string bytes;
  encode_user_state(state, types, bytes);
  bytes.shrink_to_fit();  // the room for the longest form of every entry
  return bytes;
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
  if (!in.ok() || flags > (kHasProfile | kWholeSeconds | kHasActivity)) {
    return fail(Code::kCorrupt, "user state: its head is damaged");
  }
  TRY(read_history(in, state, types, (flags & kWholeSeconds) != 0 ? kSecondUs : 1));
  if (!read_consumed(in, state)) {
    return fail(Code::kCorrupt, "user state: its consumed items are damaged");
  }
  if (state.has_profile && !read_profile(in, state)) {
    return fail(Code::kCorrupt, "user state: its profile is damaged");
  }
  if ((flags & kHasActivity) != 0) {
    auto activity = decode_activity(in, types);
    if (!activity) return fail(Code::kCorrupt, "user state: its activity is damaged");
    state.activity = std::make_shared<const UserActivity>(std::move(*activity));
  }
  if (!in.at_end()) return fail(Code::kCorrupt, "user state: {}", "bytes are left over");
  return state;
}

}  // namespace palate
