#include "operate/sizing.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "models/neighbour_lists.h"
#include "models/user_vectors.h"

namespace palate {
namespace {

// Measured over the worlds of docs/sizing.md; the program's own depend on the build a little.
constexpr uint64_t kProgramBytes = uint64_t{18'900} << 10;  // code that is touched, libraries
constexpr uint64_t kStartBytes = uint64_t{17'400} << 10;    // threads, database, routes
constexpr uint64_t kItemBytes = 560;           // name, counters, slots, codes of the index
constexpr uint64_t kDescribedItemBytes = 590;  // its record
constexpr uint64_t kReadBytesMax = uint64_t{14'800} << 10;  // of the log, while starting
constexpr uint64_t kReadBytesPerEvent = 17;
constexpr uint64_t kBlockCacheBytes = uint64_t{24} << 20;
constexpr double kEventDiskBytes = 8.2;  // beside which user and which item
constexpr uint64_t kUserDiskBytes = 170, kItemDiskBytes = 25, kDescribedItemDiskBytes = 60;
constexpr double kHashBytes = 2.15 / 8;
constexpr double kNumberKeyBytes = 2.2, kTextKeyShare = 0.57, kBlockBytesPerKey = 0.25;
constexpr uint64_t kManifestBytes = 2048;

// Slots of 8 bytes, a power of two, at most four fifths full (ingest/identity_window.h).
uint64_t window_bytes(uint64_t events) {
  uint64_t slots = std::bit_ceil(events + 1);
  if (slots / 5 * 4 < events) slots *= 2;
  return slots * sizeof(uint64_t);
}

uint64_t dictionary_bytes(const SizingInput& input) {
  const auto items = static_cast<double>(input.items);
  const double order = std::bit_width(std::max<uint64_t>(input.items, 2) - 1) / 8.0;
  const double key = input.item_id_bytes == 0
                         ? kNumberKeyBytes
                         : static_cast<double>(input.item_id_bytes) * kTextKeyShare;
  return static_cast<uint64_t>(items * (kHashBytes + order + 2 + key + kBlockBytesPerKey));
}

// An event names its user and its item, which no compression can take away.
double event_disk_bytes(const SizingInput& input) {
  const auto bits = [](uint64_t of) {
    return std::log2(static_cast<double>(std::max<uint64_t>(of, 1)));
  };
  return kEventDiskBytes + (bits(input.users) + bits(input.items)) / 8;
}

}  // namespace

uint64_t Sizing::total(const std::vector<Part>& parts) {
  uint64_t bytes = 0;
  for (const Part& part : parts) bytes += part.bytes;
  return bytes;
}

Sizing predict_sizes(const SizingInput& input) {
  const uint64_t items = input.items, described = std::min(input.items_described, items);
  const uint64_t vectors = items * (input.dimensions + 1) * sizeof(float);
  const uint64_t remembered = std::min(input.events, input.dedup_events);
  const auto log =
      static_cast<uint64_t>(static_cast<double>(input.events) * event_disk_bytes(input));
  Sizing out;
  out.memory = {
      {"program", "code and libraries, threads, the database", kProgramBytes + kStartBytes},
      {"items", "names, counters, codes of the index", items * kItemBytes},
      {"descriptions", "records of the items that have one", described * kDescribedItemBytes},
      {"vectors", "items × dimensions × 4, mapped", vectors},
      {"identities", "of the newest events, so that each counts once", window_bytes(remembered)},
      {"reading", "what starting leaves behind",
       std::min(kReadBytesMax, input.events * kReadBytesPerEvent)},
  };
  out.caches = {
      {"users", "histories of those who were here lately (data.users_mib)",
       input.users_cache_bytes},
      {"blocks", "of the database", kBlockCacheBytes},
      {"similar items", "what is most like an item, once somebody asked",
       std::min<uint64_t>(items * NeighbourLists::kItemBytes, NeighbourLists::kBytesMax)},
      {"tastes", "vectors of users who asked", UserVectors::kBytesMax},
      {"identities", "two generations instead of one, once there were more than data.dedup_events",
       window_bytes(input.dedup_events) * 2 - window_bytes(remembered)},
  };
  out.disk = {
      {"log and state of events", "compressed; the log is kept", log},
      {"users", "profile and state", input.users * kUserDiskBytes},
      {"items", "records and counters",
       items * kItemDiskBytes + described * kDescribedItemDiskBytes},
      {"model als", "vectors and how often each item was seen", vectors + kManifestBytes},
      {"model popularity", "counters", items * 8 + kManifestBytes},
      {"dictionaries", "what items are called, in each model", dictionary_bytes(input) * 2},
  };
  return out;
}

}  // namespace palate
