#include "models/mf/train_data.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/hash.h"
#include "models/mf/ratings.h"
#include "models/mf/time_offsets.h"

namespace palate {
namespace {

std::vector<uint32_t> type_numbers(const Dataset& data) {
  std::vector<uint32_t> types;
  for (const EventTypeId type : data.rating_types()) types.push_back(type.value);
  return types;
}

MfMatrix read_matrix(const DatasetView& view) {
  const auto types = type_numbers(view.dataset());
  MfMatrix matrix{
      .rows = view.users(), .cols = view.items(), .start = {0}, .index = {}, .value = {}, .ts = {}};
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < view.users(); ++user) {
    const UserRatings ratings = ratings_of(view.of({user}, scratch), types, view.items());
    matrix.index.insert(matrix.index.end(), ratings.item.begin(), ratings.item.end());
    matrix.value.insert(matrix.value.end(), ratings.value.begin(), ratings.value.end());
    matrix.ts.insert(matrix.ts.end(), ratings.ts.begin(), ratings.ts.end());
    matrix.start.push_back(matrix.index.size());
  }
  return matrix;
}

// Which ratings are validation.
std::vector<bool> choose(const MfMatrix& matrix, const MfDataOptions& options, TimeKind time) {
  const auto wanted =
      static_cast<size_t>(options.validation_share * static_cast<double>(matrix.size()));
  std::vector<bool> chosen(matrix.size());
  if (wanted == 0) return chosen;
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < matrix.size(); ++i) {
    const std::array<uint64_t, 2> key{options.seed, i};
    const uint64_t drawn = hash64({reinterpret_cast<const char*>(key.data()), sizeof key});
    const bool timed = time == TimeKind::kReal;
    order.emplace_back(timed ? ~static_cast<uint64_t>(matrix.ts[i].us) : drawn, i);
  }
  std::nth_element(order.begin(), order.begin() + static_cast<ptrdiff_t>(wanted), order.end());
  for (size_t i = 0; i < wanted; ++i) chosen[order[i].second] = true;
  return chosen;
}

void set_apart(const std::vector<bool>& chosen, MfMatrix& matrix,
               std::vector<MfTriple>& validation) {
  MfMatrix kept{
      .rows = matrix.rows, .cols = matrix.cols, .start = {0}, .index = {}, .value = {}, .ts = {}};
  for (uint32_t user = 0; user < matrix.rows; ++user) {
    for (uint64_t i = matrix.start[user]; i < matrix.start[user + 1]; ++i) {
      if (chosen[i]) {
        validation.push_back({user, matrix.index[i], matrix.value[i], matrix.ts[i]});
        continue;
      }
      kept.index.push_back(matrix.index[i]);
      kept.value.push_back(matrix.value[i]);
      kept.ts.push_back(matrix.ts[i]);
    }
    kept.start.push_back(kept.index.size());
  }
  matrix = std::move(kept);
}

}  // namespace

MfMatrix MfMatrix::transposed() const {
  MfMatrix out{.rows = cols, .cols = rows, .start = {}, .index = {}, .value = {}, .ts = {}};
  out.start.assign(cols + 1, 0);
  for (const uint32_t column : index) ++out.start[column + 1];
  std::partial_sum(out.start.begin(), out.start.end(), out.start.begin());
  out.index.resize(size());
  out.value.resize(size());
  out.ts.resize(size());
  std::vector<uint64_t> next(out.start.begin(), out.start.end() - 1);
  for (size_t row = 0; row < rows; ++row) {
    for (uint64_t i = start[row]; i < start[row + 1]; ++i) {
      const uint64_t to = next[index[i]]++;
      out.index[to] = static_cast<uint32_t>(row);
      out.value[to] = value[i];
      out.ts[to] = ts[i];
    }
  }
  return out;
}

Result<MfData> read_mf_data(const DatasetView& view, const MfDataOptions& options) {
  MfData data;
  data.by_user = read_matrix(view);
  if (data.by_user.size() == 0) {
    return fail(Code::kInvalidArgument,
                "there is no rating to learn from: mf needs events with a value, of a type that "
                "has positive_from or negative_below ([events.types.<name>])");
  }
  const auto [low, high] = std::ranges::minmax(data.by_user.value);
  data.low = low;
  data.high = high;
  set_apart(choose(data.by_user, options, view.dataset().time()), data.by_user, data.validation);
  if (data.by_user.size() == 0) {
    return fail(Code::kInvalidArgument, "mf.validation_share leaves no rating to train on");
  }
  double sum = 0;
  for (const float value : data.by_user.value) sum += value;
  data.mean = sum / static_cast<double>(data.by_user.size());
  for (float& value : data.by_user.value) value -= static_cast<float>(data.mean);
  data.by_item = data.by_user.transposed();
  return data;
}

namespace {

// Biases by alternating shrunken means (Koren 2010, "Factor in the neighbors", section 2.1).
void fit_biases(const MfData& data, std::vector<double>& users, std::vector<double>& items) {
  constexpr int kRounds = 5;
  constexpr double kUserShrinkage = 10, kItemShrinkage = 25;
  const auto half = [](const MfMatrix& matrix, const std::vector<double>& other, double shrinkage,
                       std::vector<double>& out) {
    for (size_t row = 0; row < matrix.rows; ++row) {
      double sum = 0;
      for (uint64_t i = matrix.start[row]; i < matrix.start[row + 1]; ++i) {
        sum += double{matrix.value[i]} - other[matrix.index[i]];
      }
      out[row] = sum / (shrinkage + static_cast<double>(matrix.start[row + 1] - matrix.start[row]));
    }
  };
  for (int round = 0; round < kRounds; ++round) {
    half(data.by_item, users, kItemShrinkage, items);
    half(data.by_user, items, kUserShrinkage, users);
  }
}

}  // namespace

MfTimeOffsets fit_time_offsets(const MfData& data, size_t bins, double shrinkage) {
  MfTimeOffsets out;
  out.bins = bins;
  if (bins == 0) return out;
  const auto [first, last] = std::ranges::minmax(data.by_user.ts);
  out.first = first;
  out.last = last;
  std::vector<double> users(data.by_user.rows), items(data.by_item.rows);
  fit_biases(data, users, items);
  const MfMatrix& matrix = data.by_item;
  std::vector<double> sum(bins * matrix.rows), count(bins * matrix.rows), all(bins),
      all_count(bins);
  for (size_t item = 0; item < matrix.rows; ++item) {
    for (uint64_t i = matrix.start[item]; i < matrix.start[item + 1]; ++i) {
      const size_t bin = out.bin_of(matrix.ts[i]);
      const double error = double{matrix.value[i]} - items[item] - users[matrix.index[i]];
      sum[item * bins + bin] += error;
      count[item * bins + bin] += 1;
      all[bin] += error;
      all_count[bin] += 1;
    }
  }
  out.offset.resize(sum.size());
  for (size_t i = 0; i < sum.size(); ++i) {
    const size_t bin = i % bins;
    const double common = all[bin] / (all_count[bin] + shrinkage);
    const double own = (sum[i] - count[i] * common) / (count[i] + shrinkage);
    out.offset[i] = static_cast<float>(common + own);
  }
  return out;
}

void subtract_time(const MfTimeOffsets& offsets, MfData& data) {
  if (offsets.bins == 0) return;
  MfMatrix& matrix = data.by_user;
  for (size_t i = 0; i < matrix.size(); ++i) {
    matrix.value[i] -= offsets.of(matrix.index[i], matrix.ts[i]);
  }
  data.by_item = matrix.transposed();
  for (MfTriple& rating : data.validation) {
    rating.time_offset = offsets.of(rating.item, rating.ts);
  }
}

}  // namespace palate
