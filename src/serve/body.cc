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
  auto records = json_elements(TRY(unwrap(body, name)), records_max);
  TRY(check_json(body));
  if (!records) {
    return fail(Code::kInvalidArgument,
                "The body is one object, an array of them, or {{\"{}\":[…]}}.", name);
  }
  if (records->texts.size() > records_max) {
    return fail(Code::kInvalidArgument, "More than {} records in one request; send them in parts.",
                records_max);
  }
  if (records->texts.empty()) return fail(Code::kInvalidArgument, "The body holds no record.");
  return records;
}

}  // namespace palate
