// What an event, an item and a user are (docs/formats/event.md). An EventView is one row; its
// strings point into the EventBatch that carries it. Fields that were not given are empty, NaN or
// negative as said below.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace palate {

inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
inline constexpr int32_t kNoSlot = -1;

struct EventView {
  std::string_view event_id;    // the client's; empty: derived from content and `occurrence` (see
                                // derived_event_id)
  std::string_view user;        // external id, 1–256 bytes of UTF-8 without control characters
  std::string_view item;        // external id, or empty (search, survey)
  std::string_view request_id;  // the slate this event answers, or empty
  std::string_view context;     // one canonical JSON object (sorted keys, no spaces), or empty
  TimeUs ts;                    // the client's clock
  TimeUs received;              // ours; imports with real time set it to ts
  double value = kNoValue;      // rating, seconds watched, price; NaN: none
  int32_t slot = kNoSlot;       // place in the slate, from 0
  EventTypeId type;
  uint32_t occurrence = 0;  // for derived ids: how many equal rows came before within the source
};

// Bytes that rows point into. Chunks never move, so views stay valid while any copy of the arena
// lives. Not thread-safe.
class Arena {
 public:
  Arena() = default;
  // A copy shares what was written so far and writes on into chunks of its own.
  Arena(const Arena& other) : owners_(other.owners_) {}
  Arena(Arena&& other) noexcept { swap(other); }
  Arena& operator=(Arena other) noexcept {
    swap(other);
    return *this;
  }
  ~Arena() = default;

  // A copy of `text` that lives as long as the arena.
  std::string_view copy(std::string_view text);
  // Keeps `owner` (a mapped file, a decompressed chunk) alive as long as the arena.
  void keep(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }
  // Room for `size` bytes that the caller fills; lives as long as the arena.
  char* allocate(size_t size);

 private:
  void swap(Arena& other) noexcept {
    std::swap(owners_, other.owners_);
    std::swap(next_, other.next_);
    std::swap(left_, other.left_);
  }
  std::vector<std::shared_ptr<const void>> owners_;
  char* next_ = nullptr;
  size_t left_ = 0;
};

struct EventBatch {
  std::vector<EventView> rows;
  Arena arena;
};

// "Titles and descriptions by language" use BCP 47 tags; "" is the language that was not said.
struct ItemRecord {
  std::string id;
  std::map<std::string, std::string> titles;
  std::map<std::string, std::string> descriptions;
  std::vector<std::string> categories, tags, languages, regions;
  std::string creator;
  TimeUs released{};    // 0: not said
  TimeUs expires{};     // 0: never
  bool hidden = false;  // never recommended
  std::map<std::string, std::string> attributes;
  std::map<std::string, std::vector<float>> vectors;

  // The title in `language`, else in the unnamed one, in English, any, else the id.
  [[nodiscard]] std::string_view title(std::string_view language = "") const;
};

struct UserRecord {
  std::string id;
  std::string region, language, age_band;
  std::map<std::string, std::string> attributes;
  std::map<std::string, std::string> survey;
  bool personalization = true;  // consent; false: only unpersonalized answers
};

// Canonical JSON of a record (what the log's item and user blocks hold), and back. Errors:
// kInvalidArgument with the field's name. Unknown fields are refused by name.
std::string to_json(const ItemRecord& item);
std::string to_json(const UserRecord& user);
Result<ItemRecord> item_from_json(std::string_view json);
Result<UserRecord> user_from_json(std::string_view json);

}  // namespace palate
