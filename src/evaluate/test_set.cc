#include "evaluate/test_set.h"

#include <algorithm>

namespace palate {
namespace {

void sort_distinct(std::vector<uint32_t>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

}  // namespace

TestSet make_test_set(const Dataset& data, const Split& split) {
  TestSet set;
  set.start.push_back(0);
  std::vector<uint32_t> trained, wanted;
  for (uint32_t user = 0; user < data.users(); ++user) {
    trained.clear();
    wanted.clear();
    uint64_t test_rows = 0;
    uint64_t bit = data.row_start()[user];
    for (const HistoryEntry& row : data.of({user})) {
      if ((*split.train)[bit]) trained.push_back(row.item.value);
      if ((*split.test)[bit]) {
        ++test_rows;
        if (row.preference > 0) wanted.push_back(row.item.value);
      }
      ++bit;
    }
    set.test_interactions += test_rows;
    sort_distinct(trained);
    sort_distinct(wanted);
    std::set_difference(wanted.begin(), wanted.end(), trained.begin(), trained.end(),
                        std::back_inserter(set.relevant));
    if (set.relevant.size() > set.start.back()) {
      set.users.push_back({user});
      set.start.push_back(set.relevant.size());
    } else if (test_rows > 0) {
      ++set.users_left_out;
    }
  }
  return set;
}

}  // namespace palate
