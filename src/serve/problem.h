// Errors on the wire: RFC 9457 problem documents. Codes, statuses and types come from the table in
// base/result.cc; what only HTTP knows (a wrong method, a body too large) has rows of its own here.
// docs/formats/errors.md is held against both.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/http.h"

namespace palate {

struct HttpFault {
  int status;
  std::string_view code;
  std::string_view problem_type;
  std::string_view title;
};
std::span<const HttpFault> http_faults();

// One thing that is wrong with a request.
struct FieldError {
  int64_t index = -1;   // in the batch; negative: not in a batch
  std::string field;    // "ts", or empty
  std::string reason;   // a word for programs
  std::string message;  // a sentence for people
};

// At most this many are listed; the detail says how many there were.
inline constexpr size_t kFieldErrorsMax = 100;

class JsonText;
// The list as a JSON array, cut at kFieldErrorsMax.
void write_errors(JsonText& json, std::span<const FieldError> errors);

Response problem(const Error& error);
// 400 with the list.
Response problem(std::string_view detail, std::span<const FieldError> errors);
// `status` is one of http_faults() or of a Code; another is 500.
Response problem(int status, std::string_view detail);

}  // namespace palate
