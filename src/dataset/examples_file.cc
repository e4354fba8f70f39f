// Examples as an artefact, and back (docs/formats/examples.md).
#include <algorithm>

#include <nlohmann/json.hpp>

#include "artefact/artefact.h"
#include "base/version.h"
#include "dataset/examples_state.h"

namespace palate {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kKind = "examples";
constexpr uint32_t kExamplesFormat = 2;  // 1 where no column has rows that are added up
constexpr size_t kColumnsMax = 4096;

Json to_json(const ExampleSchema& schema) {
  Json ids = Json::array(), numbers = Json::array();
  for (const IdColumn& column : schema.ids) {
    ids.push_back({{"name", column.name},
                   {"vocabulary", column.vocabulary},
                   {"many", column.many},
                   {"of_request", column.of_request}});
    if (column.sum) ids.back()["sum"] = true;
  }
  for (const NumberColumn& column : schema.numbers) {
    numbers.push_back(
        {{"name", column.name}, {"width", column.width}, {"of_request", column.of_request}});
  }
  const bool sums = std::ranges::any_of(schema.ids, &IdColumn::sum);
  return {{"examples_format", sums ? kExamplesFormat : 1},
          {"ids", ids},
          {"numbers", numbers},
          {"labels", schema.labels}};
}

Result<ExampleSchema> parse_schema(const std::string& text) {
  const auto wrong = fail(Code::kCorrupt, "details do not describe columns of examples");
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("examples_format")) return wrong;
  if (!json["examples_format"].is_number_unsigned()) return wrong;
  if (json["examples_format"].get<uint64_t>() > kExamplesFormat) {
    return fail(Code::kUnsupportedVersion,
                "examples of format {}, this version of palate reads up to {}; make them again",
                json["examples_format"].get<uint64_t>(), kExamplesFormat);
  }
  ExampleSchema schema;
  const auto rows = [&](const char* key) { return json.value(key, Json::array()); };
  for (const char* key : {"ids", "numbers", "labels"}) {
    if (!rows(key).is_array() || rows(key).size() > kColumnsMax) return wrong;
  }
  const auto number = [](const Json& row, const char* key) {
    return row.contains(key) && row[key].is_number_unsigned() &&
           row[key].get<uint64_t>() <= UINT32_MAX;
  };
  const auto named = [](const Json& row) {
    return row.is_object() && row.contains("name") && row["name"].is_string() &&
           row.value("of_request", Json(false)).is_boolean() &&
           row.value("sum", Json(false)).is_boolean();
  };
  const auto of_request = [](const Json& row) { return row.value("of_request", false); };
  for (const Json& row : rows("ids")) {
    if (!named(row) || !number(row, "vocabulary") || !row.value("many", Json()).is_boolean()) {
      return wrong;
    }
    schema.ids.push_back(
        {row["name"], row["vocabulary"], row["many"], of_request(row), row.value("sum", false)});
  }
  for (const Json& row : rows("numbers")) {
    if (!named(row) || !number(row, "width")) return wrong;
    schema.numbers.push_back({row["name"], row["width"], of_request(row)});
  }
  for (const Json& row : rows("labels")) {
    if (!row.is_string()) return wrong;
    schema.labels.push_back(row);
  }
  if (schema.labels.empty()) return wrong;
  return schema;
}

}  // namespace

Status Examples::save(const Path& path) const {
  ArtefactWriter out = TRY(ArtefactWriter::create(path));
  const ExampleSchema& schema = state_->schema;
  out.manifest.kind = kKind;
  out.manifest.code_version = version();
  out.manifest.details_json = to_json(schema).dump();
  for (size_t i = 0; i < schema.ids.size(); ++i) {
    const State::Ids& ids = state_->ids[i];
    out.add("ids." + schema.ids[i].name, {ids.values.size()}, ids.values);
    if (schema.ids[i].many) out.add("start." + schema.ids[i].name, {ids.start.size()}, ids.start);
  }
  for (size_t i = 0; i < schema.numbers.size(); ++i) {
    out.add("numbers." + schema.numbers[i].name, {state_->numbers[i].size()}, state_->numbers[i]);
  }
  for (size_t i = 0; i < schema.labels.size(); ++i) {
    out.add("label." + schema.labels[i], {state_->rows}, state_->labels[i]);
  }
  if (!state_->weights.empty()) out.add("weight", {state_->rows}, state_->weights);
  return out.commit();
}

Result<Examples> Examples::open(const Path& path) {
  const auto artefact = TRY(Artefact::open(path));
  if (artefact->manifest().kind != kKind) {
    return fail(Code::kInvalidArgument, "{} is an artefact of kind '{}', not examples",
                path.string(), artefact->manifest().kind);
  }
  auto state = std::make_shared<State>();
  state->schema = TRY(parse_schema(artefact->manifest().details_json));
  for (const IdColumn& column : state->schema.ids) {
    State::Ids ids{.values = TRY(artefact->vector<uint32_t>("ids." + column.name)), .start = {}};
    if (column.many) ids.start = TRY(artefact->vector<uint64_t>("start." + column.name));
    state->ids.push_back(ids);
  }
  for (const NumberColumn& column : state->schema.numbers) {
    state->numbers.push_back(TRY(artefact->vector<float>("numbers." + column.name)));
  }
  for (const std::string& label : state->schema.labels) {
    state->labels.push_back(TRY(artefact->vector<float>("label." + label)));
  }
  state->rows = state->labels.front().size();
  if (auto weights = artefact->vector<float>("weight")) state->weights = *weights;
  state->owner = artefact;
  TRY(state->check(Code::kCorrupt));
  return Examples(std::move(state));
}

}  // namespace palate
