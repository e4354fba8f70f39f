// How much memory and disk a system of given sizes will take, before there is one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace palate {

struct SizingInput {
  uint64_t users = 0, items = 0, events = 0;
  uint64_t dimensions = 64;                // of the model's vectors (als.factors)
  uint64_t items_described = 0;            // with a record (titles, categories), not only an id
  uint64_t item_id_bytes = 0;              // of an item's external id; 0: a prefix and a number
  uint64_t dedup_events = 10'000'000;      // data.dedup_events
  uint64_t users_cache_bytes = 256 << 20;  // data.users_mib
};

struct Sizing {
  struct Part {
    std::string_view name, why;
    uint64_t bytes = 0;
  };
  // Resident memory of a server that has just started, and what traffic can add to it at most.
  std::vector<Part> memory, caches;
  std::vector<Part> disk;
  [[nodiscard]] static uint64_t total(const std::vector<Part>& parts);
};

// Sizes of structures as they are where those follow from the numbers (vectors, dictionaries, the
// window of identities); what was measured a user, item and event where they depend on content. The
// predictions were held against seven worlds, docs/sizing.md: memory and disk are within 10 %.
Sizing predict_sizes(const SizingInput& input);

}  // namespace palate
