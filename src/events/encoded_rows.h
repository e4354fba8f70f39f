// Rows of events in the form that the log takes.
#pragma once

#include <string_view>
#include <vector>

#include "base/hash.h"
#include "events/block.h"

namespace palate {

struct EncodedRows {
  std::vector<EncodedBlock> blocks;  // empty: not encoded
  std::vector<Hash128> identities;   // one a row, where wished or one of the rows has a client's id
  // Items that were not met before in the source, in order of first appearance; one may come again
  // in a later chunk. They point into the rows' batch.
  std::vector<std::string_view> new_items;
};

}  // namespace palate
