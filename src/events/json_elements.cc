#include "events/json_elements.h"

#include <simdjson.h>

namespace palate {
namespace {

namespace od = simdjson::ondemand;
using simdjson::SIMDJSON_PADDING;

// JSON's four kinds of space.
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

simdjson::error_code collect(od::array array, size_t elements_max,
                             std::vector<std::string_view>& texts) {
  for (auto element : array) {
    od::value value;
    std::string_view text;
    if (auto error = std::move(element).get(value)) return error;
    od::object object;
    od::array inner;
    if (!value.get_object().get(object)) {
      if (auto error = object.raw_json().get(text)) return error;
    } else if (!value.get_array().get(inner)) {
      if (auto error = inner.raw_json().get(text)) return error;
    } else {
      text = value.raw_json_token();
    }
    texts.push_back(trimmed(text));
    if (texts.size() > elements_max) return simdjson::SUCCESS;
  }
  return simdjson::SUCCESS;
}

}  // namespace

Result<JsonElements> json_elements(std::string_view json, size_t elements_max) {
  thread_local od::parser parser;
  JsonElements out;
  out.padded.assign(json);
  out.padded.append(SIMDJSON_PADDING, '\0');
  od::document document;
  od::json_type type{};
  od::array array;
  auto error = parser.iterate(out.padded.data(), json.size(), out.padded.size()).get(document);
  if (!error) error = document.type().get(type);
  if (!error && type == od::json_type::object) {
    out.texts.push_back(trimmed(std::string_view(out.padded).substr(0, json.size())));
    return out;
  }
  if (!error) error = document.get_array().get(array);
  if (!error) error = collect(array, elements_max, out.texts);
  if (!error) return out;
  return fail(Code::kInvalidArgument, "it is neither an object nor an array of them: {}",
              simdjson::error_message(error));
}

}  // namespace palate
