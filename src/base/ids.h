// The vocabulary types: ids, positions, tenant. Distinct types, so that a user's id never lands
// where an item's belongs.
#pragma once

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace palate {

// A 128-bit id: the keyed hash of tenant and external id (ids/keyed_hash.h). No coordination, no
// collisions to expect (2^-64 at four billion ids), and the pseudonym that lake and artefacts know.
template <class Tag>
struct Id128 {
  std::array<uint64_t, 2> words{};  // little-endian halves of the hash
  auto operator<=>(const Id128&) const = default;
  // 16 raw bytes, for keys of a store. Valid while the id lives.
  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(words.data()), 16};
  }
};
using UserId = Id128<struct UserTag>;
using ItemId = Id128<struct ItemTag>;
// The client's event_id and request_id as the lake knows them.
using EventId = Id128<struct EventTag>;
using RequestId = Id128<struct RequestTag>;

// Dense ids: a place in an array, 32 bits.
template <class Tag>
struct Index32 {
  uint32_t value = std::numeric_limits<uint32_t>::max();
  auto operator<=>(const Index32&) const = default;
  [[nodiscard]] bool valid() const { return value != std::numeric_limits<uint32_t>::max(); }
};
// ItemIx is given in the order of the item log, so it is the same on every replica and never
// changes.
using ItemIx = Index32<struct ItemIxTag>;
// UserIx is a row of one dataset, in order of first appearance in the event log.
using UserIx = Index32<struct UserIxTag>;
// The index of an event type in EventTypes (events/event_types.h).
struct EventTypeId {
  uint16_t value = 0xffff;
  auto operator<=>(const EventTypeId&) const = default;
};

// What a record is logged as. Decisions are what was answered (events/decision.h): state is not
// folded from them.
enum class Stream : uint8_t { kEvents = 0, kItems = 1, kUsers = 2, kDecisions = 3 };

// A place in the log: records before `offset` in (stream, partition) are what "up to here" means.
// Offsets name records (events), not blocks; in the embedded log they count them, from 0.
struct Position {
  Stream stream = Stream::kEvents;
  uint32_t partition = 0;
  uint64_t offset = 0;
  auto operator<=>(const Position&) const = default;
};

// What a reader had seen: one exclusive end offset a (stream, partition), ascending by both. Not
// what clocks say, so a late event cannot leak into a past that it was not part of.
using AsOf = std::vector<Position>;

std::string_view stream_name(Stream stream);      // "events", "items", …
std::string to_string(const Position& position);  // "events/0@12345"
// The same text back; nullopt for anything else.
std::optional<Position> parse_position(std::string_view text);
// Several, with commas between: "events/0@12,events/3@7".
std::string to_string(const AsOf& positions);
std::optional<AsOf> parse_positions(std::string_view text);

struct Tenant {
  std::string name = "default";
  auto operator<=>(const Tenant&) const = default;
};

}  // namespace palate

template <class Tag>
struct std::hash<palate::Id128<Tag>> {
  size_t operator()(const palate::Id128<Tag>& id) const noexcept { return id.words[0]; }
};
template <class Tag>
struct std::hash<palate::Index32<Tag>> {
  size_t operator()(palate::Index32<Tag> ix) const noexcept { return ix.value; }
};
