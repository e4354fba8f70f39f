// The check that no test row was visible in training.
#include <algorithm>
#include <optional>

#include "dataset/dataset.h"
#include "dataset/split.h"

namespace palate {
namespace {

// A row as messages name it.
struct NamedRow {
  uint32_t user = 0;
  HistoryEntry entry;
  [[nodiscard]] std::string text() const {
    return fmt::format("user row {}, item {}, {}, {}", user, entry.item.value,
                       format_rfc3339(entry.ts),
                       to_string(Position{Stream::kEvents, 0, entry.offset}));
  }
};

template <class Wanted>
std::vector<NamedRow> rows_where(const Dataset& dataset, const Wanted& wanted) {
  std::vector<NamedRow> found;
  size_t bit = 0;
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    for (const auto& entry : dataset.of({user})) {
      if (wanted(bit++, user, entry)) found.push_back({user, entry});
    }
  }
  return found;
}

std::string list(const std::vector<NamedRow>& rows) {
  constexpr size_t kNamedMax = 3;
  std::string text;
  for (size_t i = 0; i < std::min(rows.size(), kNamedMax); ++i) {
    text += (i == 0 ? "" : "; ") + rows[i].text();
  }
  return rows.size() > kNamedMax ? text + "; …" : text;
}

Status leak(const std::vector<NamedRow>& rows, std::string_view where) {
  return fail(Code::kInternal, "{} test rows {}: {}. Figures of this run mean nothing", rows.size(),
              where, list(rows));
}

// The split itself: no row in both parts, and with a time cut none on the wrong side of it.
Status check_split(const Dataset& dataset, const Split& split) {
  if (split.train->size() != dataset.interactions() ||
      split.test->size() != dataset.interactions()) {
    return fail(Code::kInternal, "the split is of another dataset: {} bits for {} rows",
                split.train->size(), dataset.interactions());
  }
  const auto both = rows_where(dataset, [&](size_t bit, uint32_t, const HistoryEntry&) {
    return (*split.train)[bit] && (*split.test)[bit];
  });
  if (!both.empty()) return leak(both, "are in the training part too");
  if (split.kind != SplitKind::kTimeCut) return {};
  const auto late = rows_where(dataset, [&](size_t bit, uint32_t, const HistoryEntry& row) {
    return ((*split.train)[bit] && row.ts >= split.cut) ||
           ((*split.test)[bit] && row.ts < split.cut);
  });
  if (!late.empty()) return leak(late, "or training rows lie on the wrong side of the cut");
  return {};
}

// Test rows that explain what the trainer saw beyond its part: exactly one, or all of them;
// otherwise those that it may have seen by time and offset.
std::vector<NamedRow> suspects(const Dataset& dataset, const Split& split,
                               const DatasetView::Seen& trained_on, uint64_t surplus) {
  uint64_t all = 0;
  auto one = rows_where(dataset, [&](size_t bit, uint32_t user, const HistoryEntry& row) {
    if (!(*split.test)[bit]) return false;
    const uint64_t fingerprint = row_fingerprint({user}, row.offset);
    all += fingerprint;
    return fingerprint == surplus;
  });
  if (!one.empty()) return one;
  return rows_where(dataset, [&](size_t bit, uint32_t, const HistoryEntry& row) {
    return (*split.test)[bit] && (all == surplus || (row.ts <= trained_on.newest_ts &&
                                                     row.offset <= trained_on.newest_offset));
  });
}

}  // namespace

Status check_no_leak(const Dataset& dataset, const Split& split,
                     const DatasetView::Seen& trained_on) {
  TRY(check_split(dataset, split));
  const auto allowed = DatasetView(dataset, split.train).seen();
  if (trained_on == allowed) return {};
  const auto visible =
      suspects(dataset, split, trained_on, trained_on.fingerprint - allowed.fingerprint);
  if (!visible.empty()) return leak(visible, "were or may have been visible in training");
  return fail(Code::kInternal,
              "the trainer saw other rows than the training part: {} rows up to {} and offset {}, "
              "expected {} rows up to {} and offset {}. Figures of this run mean nothing",
              trained_on.interactions, format_rfc3339(trained_on.newest_ts),
              trained_on.newest_offset, allowed.interactions, format_rfc3339(allowed.newest_ts),
              allowed.newest_offset);
}

}  // namespace palate
