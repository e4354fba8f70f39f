#include "serve/body.h"

#include <simdjson.h>

#include "serve/json_offset.h"

namespace palate {
namespace {

namespace od = simdjson::ondemand;
using simdjson::SIMDJSON_PADDING;

simdjson::padded_string_view pad(std::string& storage, std::string_view text) {
  storage.assign(text);
  storage.append(SIMDJSON_PADDING, '\0');
  return simdjson::padded_string_view(storage.data(), text.size(), storage.size());
}

od::parser& parser() {
  thread_local od::parser instance;
  return instance;
}

// Without the space around it: JSON's four kinds, as inside a list.
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::unexpected<Error> not_json(std::string_view body, simdjson::error_code error) {
  if (auto checked = check_json(body); !checked) return std::unexpected(checked.error());
  return fail(Code::kInvalidArgument, "The body cannot be read: {}.",
              simdjson::error_message(error));
}

// Appends what an array's elements are.
simdjson::error_code collect(od::array array, size_t records_max,
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
    texts.push_back(text);
    if (texts.size() > records_max) return simdjson::SUCCESS;
  }
  return simdjson::SUCCESS;
}

}  // namespace

Status check_json(std::string_view body) {
  const auto offset = json_error_offset(body);
  if (!offset) return {};
  if (*offset >= body.size()) {
    return fail(Code::kInvalidArgument, "The body is not JSON: it ends too early, at byte {}.",
                body.size());
  }
  return fail(Code::kInvalidArgument, "The body is not JSON: byte {} does not belong there.",
              *offset);
}

Result<std::string_view> unwrap(std::string_view body, std::string_view name) {
  std::string storage;
  od::document document;
  od::object object;
  if (parser().iterate(pad(storage, body)).get(document)) return body;
  if (document.get_object().get(object)) return body;
  std::string_view inside;
  size_t fields = 0;
  for (auto entry : object) {
    od::field field;
    std::string_view key;
    od::array array;
    if (std::move(entry).get(field) || field.unescaped_key().get(key)) return body;
    ++fields;
    if (key != name) {
      if (inside.empty()) return body;
      break;
    }
    if (field.value().get_array().get(array) || array.raw_json().get(inside)) return body;
  }
  if (inside.empty()) return body;
  if (fields > 1) {
    return fail(Code::kInvalidArgument, "Beside '{}' the body has other fields; there are none.",
                name);
  }
  return body.substr(static_cast<size_t>(inside.data() - storage.data()), inside.size());
}

Result<SplitRecords> split_records(std::string_view body, std::string_view name,
                                   size_t records_max) {
  const std::string_view text = TRY(unwrap(body, name));
  SplitRecords records;
  od::document document;
  od::json_type type{};
  auto error = parser().iterate(pad(records.padded, text)).get(document);
  if (!error) error = document.type().get(type);
  if (error) return not_json(body, error);
  if (type == od::json_type::object) {
    if (auto well = check_json(body); !well) return std::unexpected(well.error());
    records.texts.push_back(trimmed(std::string_view(records.padded).substr(0, text.size())));
    return records;
  }
  od::array array;
  if (document.get_array().get(array)) {
    if (auto well = check_json(body); !well) return std::unexpected(well.error());
    return fail(Code::kInvalidArgument,
                "The body is one object, an array of them, or {{\"{}\":[…]}}.", name);
  }
  error = collect(array, records_max, records.texts);
  if (error) return not_json(body, error);
  if (records.texts.size() > records_max) {
    return fail(Code::kInvalidArgument, "More than {} records in one request; send them in parts.",
                records_max);
  }
  if (auto well = check_json(body); !well) return std::unexpected(well.error());
  if (records.texts.empty()) return fail(Code::kInvalidArgument, "The body holds no record.");
  return records;
}

}  // namespace palate
