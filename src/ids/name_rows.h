// Rows of embedding tables by id: frequent ids have a row of their own, without collisions; rare
// ones share what is left, by one of some rules. One function for examples, training and serving,
// kept in the artefact, so that an id reads the same rows wherever it is looked up.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace palate {

// What an id reads that has no row of its own.
enum class RareIds : uint8_t {
  kShared,             // row 0, with all that nobody knows
  kHashed,             // one of some rows, by its hash (Weinberger et al. 2009)
  kQuotientRemainder,  // the sum of two: by quotient and remainder of its hash (Shi et al. 2020,
                       // section 3.1, with addition; over hashes as "frequency based double
                       // hashing" is, Zhang et al. 2020)
  kNarrow,  // a row of its own in a narrower table beside, projected up by the network (mixed
            // dimensions, Ginart et al. 2019)
};
// As the config has it: "shared", "hashed", "quotient_remainder", "narrow".
std::string_view rare_name(RareIds kind);
std::optional<RareIds> parse_rare(std::string_view name);

// One row, or two that are added up.
struct IdRows {
  std::array<uint32_t, 2> row{};
  uint32_t count = 1;
  [[nodiscard]] std::span<const uint32_t> all() const { return {row.data(), count}; }
  auto operator<=>(const IdRows&) const = default;
};

// What decides about an id: in how many examples it is, and when it was last.
struct IdUse {
  uint64_t times = 0;
  int64_t newest_us = INT64_MIN;
};

// Who has which rows.
struct Admission {
  uint64_t least = 1;             // times from which on an id has a row of its own …
  int64_t oldest_us = INT64_MIN;  // … if it was there since then; its row is given up after that
  RareIds rare = RareIds::kShared;
  uint32_t rare_rows = 0;     // kHashed, kQuotientRemainder: that rare ids share, at most
  uint64_t narrow_least = 1;  // kNarrow: times from which on it has a row of its own there
  [[nodiscard]] bool own(const IdUse& use) const {
    return use.times >= least && use.newest_us >= oldest_us;
  }
  [[nodiscard]] bool narrow(const IdUse& use) const {
    return rare == RareIds::kNarrow && !own(use) && use.times >= narrow_least &&
           use.newest_us >= oldest_us;
  }
};

// The rows that rare ids share, behind those that ids have of their own. `rows` is 0 where none
// are.
struct RareRows {
  RareIds kind = RareIds::kShared;
  uint32_t rows = 0;
  bool operator==(const RareRows&) const = default;

  // For so many ids at least: no more rows than the next power of two, so that a few more ids keep
  // the rows of all; a table of less than four has nothing to put together.
  static RareRows of(const Admission& admission, uint64_t rare_ids);
  // Whether an id may have two rows.
  [[nodiscard]] bool sums() const { return kind == RareIds::kQuotientRemainder && rows > 0; }
  // Rows below `rows`. Precondition: rows > 0.
  [[nodiscard]] IdRows rows_of(std::string_view id) const;
  // One row, where ids are read one by one, or a mean is taken of them: by hash, whatever the rule.
  [[nodiscard]] uint32_t row_of(std::string_view id) const;
};

// Name i has row i + 1 of its table, what is rare the rows behind, and what is not known row 0;
// narrow name i has row i + 1 of the table beside.
class NameRows {
 public:
  NameRows() = default;
  // Names are distinct, in both lists together, and not empty.
  explicit NameRows(std::vector<std::string> names, RareRows rare = {},
                    std::vector<std::string> narrow = {});
  // The most frequent first, ties by name.
  static NameRows of_uses(const std::map<std::string, IdUse>& uses, const Admission& admission);

  // An empty name is none: row 0.
  [[nodiscard]] IdRows rows_of(std::string_view name) const;
  [[nodiscard]] uint32_t row_of(std::string_view name) const;  // one, as RareRows::row_of()
  [[nodiscard]] uint32_t narrow_row(std::string_view name) const;
  [[nodiscard]] uint32_t rows() const { return own() + 1 + rare_.rows; }
  [[nodiscard]] uint32_t own() const { return static_cast<uint32_t>(names_.size()); }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] const std::vector<std::string>& narrow() const { return narrow_; }
  [[nodiscard]] const RareRows& rare() const { return rare_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Places = std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>>;
  static uint32_t place_of(const Places& places, std::string_view name);

  std::vector<std::string> names_, narrow_;
  RareRows rare_;
  Places row_of_, narrow_row_of_;
};

}  // namespace palate
