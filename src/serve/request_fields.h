// Fields of requests: how one is read from JSON and checked, and a body out of such fields. Errors
// are kInvalidArgument and name the field.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "base/result.h"

namespace palate {

using Value = simdjson::dom::element;

Status check_id(std::string_view field, std::string_view id);
Status check_list(std::string_view field, const std::vector<std::string>& ids, size_t entries_max);
Status check_language(std::string_view language);

std::unexpected<Error> wrong(std::string_view field, std::string_view needed);
Result<std::string> text_of(std::string_view field, Value value);
Result<std::vector<std::string>> list_of(std::string_view field, Value value);
Result<size_t> count_of(std::string_view field, Value value, size_t min, size_t max);

// A field of a body and how it is read.
template <class Request>
struct BodyField {
  std::string_view name;
  Status (*read)(Request& request, std::string_view name, Value value);
};

std::unexpected<Error> unknown_field(std::string_view key, std::span<const std::string> known);
// Valid until the next one on this thread.
Result<simdjson::dom::object> object_of(std::string_view body);

// Reads a body of such fields (at most 32), each at most once, in any order.
template <class Request>
Status read_body(std::string_view body, std::span<const BodyField<Request>> fields,
                 Request& request) {
  uint32_t seen = 0;
  for (auto [key, value] : TRY(object_of(body))) {
    const auto field = std::ranges::find(fields, key, &BodyField<Request>::name);
    if (field == fields.end()) {
      std::vector<std::string> known;
      for (const auto& one : fields) known.emplace_back(one.name);
      return unknown_field(key, known);
    }
    const auto bit = 1u << (field - fields.begin());
    if (seen & bit) return fail(Code::kInvalidArgument, "The field '{}' is given twice.", key);
    seen |= bit;
    TRY(field->read(request, key, value));
  }
  return {};
}

}  // namespace palate
