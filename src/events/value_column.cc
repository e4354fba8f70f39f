#include "events/value_column.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "events/packed_integers.h"

namespace palate {
namespace {

constexpr std::array<double, 4> kScales{1, 10, 100, 1000};
constexpr uint8_t kPlain = 4;        // in place of a scale's index
constexpr uint8_t kHasHoles = 0x80;  // with either
constexpr double kScaledMax = 1e15;  // below 2^53, so that products are exact enough to check

// All numbers are whole and not minus zero: most ratings are.
bool all_whole(std::span<const double> numbers) {
  constexpr double kWholeMax = 1 << 30;
  unsigned other = 0;
  for (const double number : numbers) {
    if (!(number >= -kWholeMax && number <= kWholeMax)) return false;
    const auto whole = static_cast<double>(static_cast<int32_t>(number));
    other |=
        static_cast<unsigned>(std::bit_cast<uint64_t>(whole) != std::bit_cast<uint64_t>(number));
  }
  return other == 0;
}

// The integer that stands for `value` at `scale`; false when it does not give the same bits back.
bool scaled(double value, double scale, int64_t& integer) {
  const double product = value * scale;
  if (!(std::fabs(product) < kScaledMax)) return false;
  integer = std::llrint(product);
  return std::bit_cast<uint64_t>(static_cast<double>(integer) / scale) ==
         std::bit_cast<uint64_t>(value);
}

// The smallest scale at which all numbers are integers, or kPlain.
uint8_t find_scale(std::span<const double> numbers) {
  uint8_t scale = 0;
  int64_t integer = 0;
  for (size_t i = 0; i < numbers.size();) {
    if (scaled(numbers[i], kScales[scale], integer)) {
      ++i;
    } else if (++scale == kPlain) {
      return kPlain;
    }
  }
  return scale;
}

}  // namespace

void encode_values(std::span<const double> values, std::string& out) {
  std::vector<double> numbers;
  std::vector<int64_t> integers(values.size());
  numbers.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    integers[i] = std::isnan(values[i]) ? 0 : 1;
    if (integers[i] == 1) numbers.push_back(values[i]);
  }
  const bool whole = all_whole(numbers);
  uint8_t form = whole ? 0 : find_scale(numbers);
  // A smaller scale may hold numbers found before a larger one was needed; the range may not.
  int64_t integer = 0;
  for (double number : numbers) {
    if (whole || form == kPlain) break;
    if (!scaled(number, kScales[form], integer)) form = kPlain;
  }
  const bool holes = numbers.size() < values.size();
  out.push_back(static_cast<char>(form | (holes ? kHasHoles : 0)));
  if (holes) pack_integers(integers, out);
  if (form == kPlain) {
    for (double number : numbers) put_fixed(number, out);
    return;
  }
  integers.resize(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (whole) {
      integers[i] = static_cast<int64_t>(numbers[i]);
    } else {
      scaled(numbers[i], kScales[form], integers[i]);
    }
  }
  pack_integers(integers, out);
}

void decode_values(ByteSource& in, std::span<double> values) {
  const auto byte = in.fixed<uint8_t>();
  const uint8_t form = byte & ~kHasHoles;
  if (form > kPlain) return in.fail();
  if (byte == 0) {  // whole numbers without holes
    std::vector<int64_t> integers(values.size());
    unpack_integers(in, integers);
    std::ranges::transform(integers, values.begin(),
                           [](int64_t integer) { return static_cast<double>(integer); });
    return;
  }
  std::vector<int64_t> present(values.size(), 1);
  if ((byte & kHasHoles) != 0) unpack_integers(in, present);
  if (in.failed()) return;
  size_t count = 0;
  for (int64_t one : present) {
    if (one != 0 && one != 1) return in.fail();
    count += static_cast<size_t>(one);
  }
  std::vector<int64_t> integers(count);
  if (form != kPlain) unpack_integers(in, integers);
  for (size_t i = 0, next = 0; i < values.size(); ++i) {
    if (present[i] == 0) {
      values[i] = std::numeric_limits<double>::quiet_NaN();
    } else if (form == kPlain) {
      values[i] = in.fixed<double>();
    } else {
      values[i] = static_cast<double>(integers[next++]) / kScales[form];
    }
  }
}

}  // namespace palate
