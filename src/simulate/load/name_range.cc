#include "simulate/load/name_range.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace palate {
namespace {

constexpr uint64_t kNamesMax = 100'000'000;
constexpr size_t kDigitsMax = 18;

std::string_view digits_at_end(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  return text.substr(begin);
}

uint64_t number(std::string_view digits) {
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

Result<NameRange> NameRange::parse(std::string_view text) {
  const auto wrong = [&] {
    return fail(Code::kInvalidArgument,
                "'{}' is no range of ids. Write the first and the last, like u00001..u05000: "
                "ascending, with the same letters before the number.",
                text);
  };
  const size_t dots = text.find("..");
  if (dots == std::string_view::npos) return wrong();
  const std::string_view first = text.substr(0, dots), last = text.substr(dots + 2);
  const std::string_view low = digits_at_end(first), high = digits_at_end(last);
  const std::string_view prefix = first.substr(0, first.size() - low.size());
  if (low.empty() || high.empty() || high.size() > kDigitsMax || low.size() > kDigitsMax) {
    return wrong();
  }
  if (prefix != last.substr(0, last.size() - high.size())) return wrong();
  if (number(high) < number(low) || number(high) - number(low) >= kNamesMax) return wrong();
  NameRange range;
  range.prefix_ = prefix;
  range.first_ = number(low);
  range.count_ = static_cast<uint32_t>(number(high) - number(low) + 1);
  range.digits_ = low.size() == high.size() ? low.size() : 1;
  return range;
}

void NameRange::append(std::string& out, uint32_t at) const {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, first_ + at).ptr;
  const auto digits = static_cast<size_t>(end - buffer);
  out += prefix_;
  if (digits < digits_) out.append(digits_ - digits, '0');
  out.append(buffer, digits);
}

ZipfDraw::ZipfDraw(uint32_t n, double exponent) : n_(n) {
  if (exponent == 0) return;
  below_.resize(n);
  double sum = 0;
  for (uint32_t k = 0; k < n; ++k) below_[k] = sum += std::pow(k + 1.0, -exponent);
  for (double& share : below_) share /= sum;
}

uint32_t ZipfDraw::operator()(Philox& random) const {
  if (below_.empty()) return random.below(n_);
  const auto at = std::upper_bound(below_.begin(), below_.end(), random.uniform());
  return std::min(static_cast<uint32_t>(at - below_.begin()), n_ - 1);
}

}  // namespace palate
