// The query string, decoded: `a=1&a=2&b=x%20y`. A name may come several times.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace palate {

inline constexpr size_t kParametersMax = 1100;

// Percent-decoding; '+' is a space when `form` is set. Errors: kInvalidArgument for a broken escape
// or bytes that are not UTF-8.
Result<std::string> percent_decode(std::string_view text, bool form);

class Parameters {
 public:
  static Result<Parameters> parse(std::string_view text);

  // The name's only value, or nullopt. Errors: kInvalidArgument when it comes twice.
  [[nodiscard]] Result<std::optional<std::string>> one(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  // "true" or "false"; `otherwise` when absent.
  [[nodiscard]] Result<bool> boolean(std::string_view name, bool otherwise) const;
  // A whole number within [min, max].
  struct Bounds {
    int64_t min = 0, max = 0, otherwise = 0;
  };
  [[nodiscard]] Result<int64_t> whole(std::string_view name, const Bounds& bounds) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const {
    return pairs_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace palate
