// Datasets for the tests of this room.
#pragma once

#include <vector>

#include <rapidcheck.h>

#include "dataset/dataset.h"

namespace palate {

// `rows_each` liked rows for each user, in the order of a log where users take turns: times,
// offsets and items differ between a user's rows.
inline Dataset liked_rows(uint32_t users, uint32_t rows_each, TimeKind time) {
  std::vector<uint64_t> start{0};
  std::vector<HistoryEntry> rows;
  for (uint32_t user = 0; user < users; ++user) {
    for (uint32_t i = 0; i < rows_each; ++i) {
      const uint64_t offset = uint64_t{i} * users + user;
      rows.push_back(
          {{i}, {4}, false, 1.0F, 1.0F, {static_cast<int64_t>(offset) * kSecondUs}, offset});
    }
    start.push_back(rows.size());
  }
  return Dataset::from_rows(rows_each, std::move(start), std::move(rows), time);
}

inline std::vector<HistoryEntry> rows_of(const Dataset& dataset) {
  std::vector<HistoryEntry> rows;
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    const auto mine = dataset.of({user});
    rows.insert(rows.end(), mine.begin(), mine.end());
  }
  return rows;
}

// Random rows, out of a property test: repeats, ties in time, dislikes, users without any.
inline Dataset any_dataset() {
  const auto users = *rc::gen::inRange<uint32_t>(1, 12);
  const auto items = *rc::gen::inRange<uint32_t>(1, 9);
  std::vector<std::vector<HistoryEntry>> by_user(users);
  const auto events = *rc::gen::inRange<uint64_t>(0, 80);
  int64_t time = 1'000'000;
  for (uint64_t offset = 0; offset < events; ++offset) {
    time += *rc::gen::inRange<int64_t>(-1, 3);
    const float preference = *rc::gen::element(1.0F, 2.5F, 0.5F, -1.0F);
    by_user[*rc::gen::inRange<uint32_t>(0, users)].push_back(
        {{*rc::gen::inRange<uint32_t>(0, items)}, {4}, false, 0.0F, preference, {time}, offset});
  }
  std::vector<uint64_t> start{0};
  std::vector<HistoryEntry> rows;
  for (const auto& mine : by_user) {
    rows.insert(rows.end(), mine.begin(), mine.end());
    start.push_back(rows.size());
  }
  return Dataset::from_rows(items, std::move(start), std::move(rows), TimeKind::kReal);
}

}  // namespace palate
