// What a trained network says of drawn pages (shown_columns.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "bias/shown_columns.h"
#include "infer/network.h"

namespace palate::bench {

// The place of a column, which must be there.
size_t column_named(const auto& columns, std::string_view name) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  PALATE_CHECK(false, "the network reads columns that the rankers see");
  return 0;
}

// Of each output a number a row, page by page.
Result<std::vector<std::vector<float>>> scores_of(const Network& network, const Examples& pages);

}  // namespace palate::bench
