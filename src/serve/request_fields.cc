#include "serve/request_fields.h"

#include <algorithm>

#include "base/near_names.h"
#include "events/limits.h"
#include "events/validate.h"
#include "serve/body.h"

namespace palate {
namespace {

constexpr size_t kLanguageBytesMax = 35;  // the longest tag that RFC 5646 asks to be supported

}  // namespace

Status check_id(std::string_view field, std::string_view id) {
  if (id.empty() || id.size() > kIdBytesMax) {
    return fail(Code::kInvalidArgument, "'{}' is {} bytes long; ids have 1 to {}.", field,
                id.size(), kIdBytesMax);
  }
  if (const Reason reason = check_text(id); reason != Reason::kNone) {
    return fail(Code::kInvalidArgument, "'{}': {}.", field, reason_info(reason).sentence);
  }
  return {};
}

Status check_list(std::string_view field, const std::vector<std::string>& ids, size_t entries_max) {
  if (ids.size() > entries_max) {
    return fail(Code::kInvalidArgument, "'{}' has {} entries; at most {} are taken.", field,
                ids.size(), entries_max);
  }
  for (const std::string& id : ids) TRY(check_id(field, id));
  return {};
}

Status check_language(std::string_view language) {
  const bool fits =
      language.size() <= kLanguageBytesMax && std::ranges::all_of(language, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
      });
  if (fits) return {};
  return fail(Code::kInvalidArgument, "'language' is a tag like \"en\" or \"pt-BR\".");
}

std::unexpected<Error> wrong(std::string_view field, std::string_view needed) {
  return fail(Code::kInvalidArgument, "'{}' must be {}.", field, needed);
}

Result<std::string> text_of(std::string_view field, Value value) {
  std::string_view text;
  if (value.get_string().get(text)) return wrong(field, "a string");
  return std::string(text);
}

Result<std::vector<std::string>> list_of(std::string_view field, Value value) {
  simdjson::dom::array array;
  if (value.get_array().get(array)) return wrong(field, "a list of strings");
  std::vector<std::string> texts;
  for (const Value entry : array) texts.push_back(TRY(text_of(field, entry)));
  return texts;
}

Result<size_t> count_of(std::string_view field, Value value, size_t min, size_t max) {
  int64_t count = 0;
  if (value.get_int64().get(count) || count < static_cast<int64_t>(min) ||
      count > static_cast<int64_t>(max)) {
    return wrong(field, fmt::format("a whole number from {} to {}", min, max));
  }
  return static_cast<size_t>(count);
}

std::unexpected<Error> unknown_field(std::string_view key, std::span<const std::string> known) {
  const std::string shown(key.substr(0, 64));
  return fail(Code::kInvalidArgument, "There is no field '{}'{}.", shown,
              did_you_mean(shown, known));
}

Result<simdjson::dom::object> object_of(std::string_view body) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object object;
  if (const auto error = parser.parse(body.data(), body.size()).get(root)) {
    TRY(check_json(body));
    return fail(Code::kInvalidArgument, "The body cannot be read: {}.",
                simdjson::error_message(error));
  }
  if (root.get_object().get(object)) {
    return fail(Code::kInvalidArgument, "The body is one JSON object, like {{\"user\":\"u1\"}}.");
  }
  return object;
}

}  // namespace palate
