// The head of an HTTP/1.1 answer, as far as a load generator needs it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace palate {

struct AnswerHead {
  int status = 0;
  size_t bytes = 0;       // of the head, with the empty line
  size_t body_bytes = 0;  // that follow
  bool close = false;     // the connection ends after this answer
};

inline constexpr size_t kAnswerHeadBytesMax = 64 << 10;
inline constexpr size_t kAnswerBodyBytesMax = 256 << 20;

// nullopt: the head is not all there yet. Errors: kCorrupt for what is no HTTP answer, has neither
// length nor an empty body by its status, or is beyond the limits.
Result<std::optional<AnswerHead>> read_answer_head(std::string_view bytes);

}  // namespace palate
