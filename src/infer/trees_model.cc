#include "infer/trees_model.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace palate {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kFormat = 1;
constexpr std::array<std::string_view, 3> kReadings{"id", "count", "number"};

std::unexpected<Error> wrong(const std::string& what) {
  return fail(Code::kCorrupt, "trees: details: {}", what);
}

Result<std::string> text_at(const Json& json, const char* key) {
  if (json.contains(key) && json[key].is_string()) return json[key].get<std::string>();
  return wrong(fmt::format("'{}' is not a text", key));
}

Result<TreeFeature> parse_feature(const Json& json) {
  if (!json.is_object()) return wrong("a feature is no object");
  TreeFeature feature;
  feature.column = TRY(text_at(json, "column"));
  const std::string reading = TRY(text_at(json, "reading"));
  const auto at = std::ranges::find(kReadings, reading);
  if (at == kReadings.end()) return wrong(fmt::format("a reading of '{}'", reading));
  feature.reading = static_cast<TreeReading>(at - kReadings.begin());
  const size_t keys = feature.reading == TreeReading::kNumber ? 3 : 2;
  if (json.size() != keys) return wrong(fmt::format("'{}' has other keys", feature.column));
  if (keys == 2) return feature;
  if (!json.contains("place") || !json["place"].is_number_unsigned() ||
      json["place"].get<uint64_t>() >= kTreeFeaturesMax) {
    return wrong(fmt::format("'{}' has no place", feature.column));
  }
  feature.place = json["place"].get<uint32_t>();
  return feature;
}

Result<TreesModel> parse_details(const std::string& text) {
  const Json details = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!details.is_object() || !details.contains("trees") || !details["trees"].is_object()) {
    return wrong("there is no object 'trees'");
  }
  const Json& json = details["trees"];
  if (!json.contains("format") || !json["format"].is_number_unsigned()) {
    return wrong("'format' is not a number");
  }
  if (json["format"].get<uint64_t>() != kFormat) {
    return fail(Code::kUnsupportedVersion, "trees of format {}, this version of palate reads {}",
                json["format"].get<uint64_t>(), kFormat);
  }
  TreesModel model;
  model.label = TRY(text_at(json, "label"));
  model.group = TRY(text_at(json, "group"));
  if (!json.contains("features") || !json["features"].is_array() || json.size() != 4) {
    return wrong("keys are not format, label, group, features");
  }
  if (json["features"].size() > kTreeFeaturesMax) return wrong("too many features");
  for (const Json& feature : json["features"]) {
    model.features.push_back(TRY(parse_feature(feature)));
  }
  return model;
}

}  // namespace

std::string TreesModel::describe() const {
  Json all = Json::array();
  for (const TreeFeature& feature : features) {
    Json json = {{"column", feature.column},
                 {"reading", kReadings[static_cast<size_t>(feature.reading)]}};
    if (feature.reading == TreeReading::kNumber) json["place"] = feature.place;
    all.push_back(std::move(json));
  }
  const Json json = {
      {"format", kFormat}, {"label", label}, {"group", group}, {"features", std::move(all)}};
  return Json{{"trees", json}}.dump();
}

Result<TreesModel> TreesModel::parse(const std::string& description, std::string_view text) {
  TreesModel model = TRY(parse_details(description));
  model.trees = TRY(Trees::from_text(text));
  if (model.trees->features().size() == model.features.size()) return model;
  return fail(Code::kCorrupt, "trees: {} features are described, the text has {}",
              model.features.size(), model.trees->features().size());
}

Status TreesModel::write(const TreesModel& model, std::string_view text, ArtefactWriter& out) {
  out.manifest.kind = kTreesKind;
  out.manifest.details_json = model.describe();
  return out.add_file(kTreesTextFile, text);
}

Result<TreesModel> TreesModel::load(const Artefact& artefact) {
  const Manifest& manifest = artefact.manifest();
  if (manifest.kind != kTreesKind) {
    return fail(Code::kCorrupt, "{}: of kind '{}', not '{}'", artefact.path().string(),
                manifest.kind, kTreesKind);
  }
  if (!manifest.checksums.contains(std::string(kTreesTextFile))) {
    return fail(Code::kCorrupt, "{}: holds no {}", artefact.path().string(), kTreesTextFile);
  }
  return parse(manifest.details_json, TRY(read_file(artefact.path() / kTreesTextFile)));
}

}  // namespace palate
