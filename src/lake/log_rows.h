// Blocks of the log as rows of the lake: users, event ids and request ids become pseudonyms, and
// the names of users are nowhere in what comes out. Thread-safe.
#pragma once

#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "events/event_types.h"
#include "ids/keyed_hash.h"
#include "lake/zones.h"

namespace palate::lake {

// Records before `skip` and from `end` on (offsets) are left out. Types that `types` does not know
// keep their names; the names of the others point into `types`, which outlives the rows. Errors:
// kCorrupt, kUnsupportedVersion.
struct BlockPart {
  Position first;  // of the block
  uint64_t skip = 0, end = 0;
};
Result<Table> event_rows(std::string_view block, const BlockPart& part, const EventTypes& types,
                         const KeyedHash& hash);
Result<Table> item_rows(std::string_view block, const BlockPart& part);
Result<Table> user_rows(std::string_view block, const BlockPart& part, const KeyedHash& hash);

}  // namespace palate::lake
