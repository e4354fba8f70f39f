#include "models/model_config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace palate {

Status read_fields(const Artefact& artefact, const std::vector<Field>& fields) {
  const auto json = nlohmann::json::parse(artefact.manifest().config_json, nullptr, false);
  for (const Field& field : fields) {
    const auto at = json.is_object() ? json.find(field.key) : json.end();
    if (at == json.end()) continue;
    FieldValue value;
    if (at->is_boolean()) {
      value = at->get<bool>();
    } else if (at->is_number_integer()) {
      value = at->get<int64_t>();
    } else if (at->is_number()) {
      value = at->get<double>();
    } else if (at->is_string()) {
      value = at->get<std::string>();
    } else if (at->is_array() &&
               std::ranges::all_of(*at, [](const auto& v) { return v.is_string(); })) {
      value = at->get<std::vector<std::string>>();
    } else {
      return fail(Code::kCorrupt, "{}: config.{} has the wrong type", artefact.path().string(),
                  field.key);
    }
    if (auto set = set_field(field, std::move(value), artefact.path().string()); !set) {
      return std::unexpected(Error{Code::kCorrupt, set.error().message});
    }
  }
  return {};
}

}  // namespace palate
