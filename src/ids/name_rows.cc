#include "ids/name_rows.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <optional>

#include "base/check.h"
#include "base/hash.h"

namespace palate {
namespace {

constexpr std::array<std::string_view, 4> kNames{"shared", "hashed", "quotient_remainder",
                                                 "narrow"};
constexpr uint64_t kSeed = 0x70616c617465;  // of the hash; kept with every table, so never changed
constexpr uint32_t kComposedMin = 4;        // rows

// A number below `size`, from the upper bits of the hash (Lemire 2019, without rejection).
uint64_t below(uint64_t hash, uint64_t size) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(static_cast<Wide>(hash) * size >> 64);
}

std::vector<std::string> in_order(std::vector<std::pair<std::string, uint64_t>> names) {
  std::ranges::stable_sort(names, std::greater{}, [](const auto& one) { return one.second; });
  std::vector<std::string> ordered;
  ordered.reserve(names.size());
  for (auto& [name, times] : names) ordered.push_back(std::move(name));
  return ordered;
}

}  // namespace

std::string_view rare_name(RareIds kind) { return kNames[static_cast<size_t>(kind)]; }

std::optional<RareIds> parse_rare(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<RareIds>(found - kNames.begin());
}

RareRows RareRows::of(const Admission& admission, uint64_t rare_ids) {
  const bool share =
      admission.rare == RareIds::kHashed || admission.rare == RareIds::kQuotientRemainder;
  if (!share || rare_ids == 0) return {};
  const uint64_t wanted = rare_ids > UINT32_MAX ? UINT32_MAX : std::bit_ceil(rare_ids);
  const auto rows = static_cast<uint32_t>(std::min<uint64_t>(admission.rare_rows, wanted));
  if (rows == 0) return {};
  return {rows < kComposedMin ? RareIds::kHashed : admission.rare, rows};
}

IdRows RareRows::rows_of(std::string_view id) const {
  PALATE_CHECK(rows > 0, "rare ids share no row");
  if (kind != RareIds::kQuotientRemainder) return {{row_of(id), 0}, 1};
  const uint64_t quotients = rows / 2, remainders = rows - quotients;
  const uint64_t place = below(hash64(id, kSeed), quotients * remainders);
  return {{static_cast<uint32_t>(place / remainders),
           static_cast<uint32_t>(quotients + place % remainders)},
          2};
}

uint32_t RareRows::row_of(std::string_view id) const {
  PALATE_CHECK(rows > 0, "rare ids share no row");
  return static_cast<uint32_t>(below(hash64(id, kSeed), rows));
}

NameRows::NameRows(std::vector<std::string> names, RareRows rare, std::vector<std::string> narrow)
    : names_(std::move(names)), narrow_(std::move(narrow)), rare_(rare) {
  for (size_t i = 0; i < names_.size(); ++i) row_of_[names_[i]] = static_cast<uint32_t>(i) + 1;
  for (size_t i = 0; i < narrow_.size(); ++i) {
    narrow_row_of_[narrow_[i]] = static_cast<uint32_t>(i) + 1;
  }
}

NameRows NameRows::of_uses(const std::map<std::string, IdUse>& uses, const Admission& admission) {
  std::vector<std::pair<std::string, uint64_t>> own, narrow;
  uint64_t rare = 0;
  for (const auto& [name, use] : uses) {
    if (name.empty()) continue;
    if (admission.own(use)) {
      own.emplace_back(name, use.times);
      continue;
    }
    rare += use.times > 0 ? 1 : 0;
    if (admission.narrow(use)) narrow.emplace_back(name, use.times);
  }
  return NameRows(in_order(std::move(own)), RareRows::of(admission, rare),
                  in_order(std::move(narrow)));
}

uint32_t NameRows::place_of(const Places& places, std::string_view name) {
  const auto found = places.find(name);
  return found == places.end() ? 0 : found->second;
}

IdRows NameRows::rows_of(std::string_view name) const {
  const uint32_t own_row = place_of(row_of_, name);
  if (own_row > 0 || name.empty() || rare_.rows == 0) return {{own_row, 0}, 1};
  IdRows rows = rare_.rows_of(name);
  for (uint32_t i = 0; i < rows.count; ++i) rows.row[i] += own() + 1;
  return rows;
}

uint32_t NameRows::row_of(std::string_view name) const {
  const uint32_t own_row = place_of(row_of_, name);
  if (own_row > 0 || name.empty() || rare_.rows == 0) return own_row;
  return own() + 1 + rare_.row_of(name);
}

uint32_t NameRows::narrow_row(std::string_view name) const {
  return place_of(narrow_row_of_, name);
}

}  // namespace palate
