// What each way to give ids rows costs and mixes up, for who has to choose one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ids/name_rows.h"

namespace palate {

// One way for one field. An id collides where another one reads just the same rows.
struct RowChoice {
  std::string name;  // "own" (a row each), or rare_name()
  uint64_t rows = 0, narrow_rows = 0;
  uint64_t ids = 0, colliding_ids = 0;
  uint64_t times = 0, colliding_times = 0;  // uses of ids, and of those that collide

  [[nodiscard]] double colliding_share() const { return share(colliding_ids, ids); }
  [[nodiscard]] double colliding_use_share() const { return share(colliding_times, times); }
  // Of the tables, without what projects the narrow one up: 4 bytes a number, or one and 4 a row.
  [[nodiscard]] uint64_t bytes_f32(uint64_t width, uint64_t narrow_width) const {
    return 4 * (rows * width + narrow_rows * narrow_width);
  }
  [[nodiscard]] uint64_t bytes_i8(uint64_t width, uint64_t narrow_width) const {
    return rows * (width + 4) + narrow_rows * (narrow_width + 4);
  }

 private:
  static double share(uint64_t part, uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  }
};

// One id an example, or any number: of those each reads one row alone, never a sum.
enum class Reads : uint8_t { kOne, kBag };

// Of ids that were used: a row each, then every rule with the thresholds and rows of `admission`.
std::vector<RowChoice> row_choices(const std::map<std::string, IdUse>& uses, Reads reads,
                                   const Admission& admission);

}  // namespace palate
