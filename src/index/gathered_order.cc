#include "index/gathered_order.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "index/principal.h"
#include "math/panels.h"
#include "math/rows.h"
#include "math/screen.h"
#include "math/table.h"

namespace palate {
namespace {

constexpr size_t kSample = 512;  // rows that a direction is found on
constexpr double kAlike = 2;     // lengths within this factor are left to directions

struct Projected {
  float value;
  uint32_t item;
  bool operator<(const Projected& other) const {
    return value != other.value ? value < other.value : item < other.item;
  }
};

class Gatherer {
 public:
  Gatherer(const StoredRows& table, size_t run)
      : table_(table), run_(run), width_(padded(table.dim)), sample_(kSample * width_) {}

  void gather(std::span<uint32_t> items) {
    const size_t runs = (items.size() + run_ - 1) / run_;
    if (runs < 2) return;
    const size_t half = runs / 2 * run_;
    if (length(items.front()) <= kAlike * length(items.back())) halve(items, half);
    gather(items.first(half));
    gather(items.subspan(half));
  }

 private:
  double length(uint32_t item) {
    row_.resize(table_.dim);
    widen_row(table_, item, row_.data());
    return extent(row_).length;
  }

  void halve(std::span<uint32_t> items, size_t half) {
    const std::vector<float> direction = principal_direction(centred_sample(items));
    values_.resize(items.size());
    score_rows(table_, items, {direction.data()}, values_.data());
    projected_.resize(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      projected_[i] = {std::isfinite(values_[i]) ? values_[i] : 0.0F, items[i]};
    }
    std::nth_element(projected_.begin(), projected_.begin() + static_cast<ptrdiff_t>(half),
                     projected_.end());
    for (size_t i = 0; i < items.size(); ++i) items[i] = projected_[i].item;
  }

  // The sample's rows less their mean.
  RowsView centred_sample(std::span<const uint32_t> items) {
    const size_t count = std::min(kSample, items.size());
    std::vector<float> mean(width_, 0.0F);
    for (size_t i = 0; i < count; ++i) {
      float* const row = sample_.data() + i * width_;
      widen_row(table_, items[i * items.size() / count], row);
      axpy(1.0F / static_cast<float>(count), row, mean.data(), width_);
    }
    for (size_t i = 0; i < count; ++i) {
      axpy(-1, mean.data(), sample_.data() + i * width_, width_);
    }
    return {sample_.data(), count, width_};
  }

  const StoredRows table_;
  const size_t run_, width_;
  FloatTable sample_;
  std::vector<float> row_, values_;
  std::vector<Projected> projected_;
};

}  // namespace

void gather(const StoredRows& table, std::span<uint32_t> items, size_t run) {
  Gatherer(table, run).gather(items);
}

}  // namespace palate
