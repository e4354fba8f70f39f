#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/hash.h"
#include "dataset/dataset.h"

namespace palate {

uint64_t row_fingerprint(UserIx user, uint64_t offset) {
  const std::array<uint64_t, 2> row{user.value, offset};
  return hash64({reinterpret_cast<const char*>(row.data()), sizeof row});
}

DatasetView::DatasetView(Dataset dataset) : dataset_(std::move(dataset)) {}

DatasetView::DatasetView(Dataset dataset, std::shared_ptr<const std::vector<bool>> keep)
    : dataset_(std::move(dataset)), keep_(std::move(keep)) {
  PALATE_CHECK(keep_ == nullptr || keep_->size() == dataset_.interactions(),
               "the bitmap has one bit a row");
}

size_t DatasetView::interactions() const {
  if (keep_ == nullptr) return dataset_.interactions();
  return static_cast<size_t>(std::count(keep_->begin(), keep_->end(), true));
}

std::span<const HistoryEntry> DatasetView::of(UserIx user,
                                              std::vector<HistoryEntry>& scratch) const {
  const auto all = dataset_.of(user);
  if (keep_ == nullptr) return all;
  scratch.clear();
  const uint64_t first = dataset_.row_start()[user.value];
  for (size_t i = 0; i < all.size(); ++i) {
    if ((*keep_)[first + i]) scratch.push_back(all[i]);
  }
  return scratch.size() == all.size() ? all : std::span<const HistoryEntry>(scratch);
}

DatasetView::Seen DatasetView::seen() const {
  Seen seen;
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < users(); ++user) {
    for (const auto& row : of({user}, scratch)) {
      if (seen.interactions == 0 || row.ts > seen.newest_ts) seen.newest_ts = row.ts;
      seen.newest_offset = std::max(seen.newest_offset, row.offset);
      seen.fingerprint += row_fingerprint({user}, row.offset);
      ++seen.interactions;
    }
  }
  return seen;
}

}  // namespace palate
