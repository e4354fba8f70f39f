// Parts of RankingFields as JSON, and back (docs/formats/model.md, "ranker").
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "features/ranking_fields.h"

namespace palate {
namespace {

using Json = nlohmann::json;

// 2: rare ids have rows, or histories rows of their own; what has neither is written as 1.
constexpr uint32_t kFormat = 2;
constexpr uint64_t kSharedRowsMax = uint64_t{1} << 30;

Json to_json(const RareRows& rare) { return {{"kind", rare_name(rare.kind)}, {"rows", rare.rows}}; }

// A number below `limit`.
Result<uint64_t> number_of(const Json& json, const char* key, uint64_t limit) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end() || !found->is_number_unsigned()) {
    return fail(Code::kCorrupt, "fields of a ranker: '{}' is no number", key);
  }
  const auto number = found->get<uint64_t>();
  if (number < limit) return number;
  return fail(Code::kCorrupt, "fields of a ranker: '{}' is {}", key, number);
}

Result<std::vector<std::string>> names_of(const Json& json, const char* key,
                                          std::unordered_set<std::string>& seen) {
  const auto list = json.find(key);
  if (list == json.end() || !list->is_array()) {
    return fail(Code::kCorrupt, "fields of a ranker: '{}' is no list", key);
  }
  std::vector<std::string> names;
  for (const Json& name : *list) {
    if (!name.is_string() || !seen.insert(name.get<std::string>()).second) {
      return fail(Code::kCorrupt, "fields of a ranker: '{}' has what is no text, or one twice",
                  key);
    }
    names.push_back(name);
  }
  return names;
}

// What `rare` says of a key; nothing where it says nothing.
Result<RareRows> rare_of(const Json& rare, const char* key) {
  if (!rare.contains(key)) return RareRows{};
  const Json& one = rare[key];
  const uint64_t rows = TRY(number_of(one, "rows", kSharedRowsMax));
  const auto kind = one.contains("kind") && one["kind"].is_string()
                        ? parse_rare(one["kind"].get<std::string>())
                        : std::nullopt;
  const bool composed = kind == RareIds::kQuotientRemainder;
  if ((kind != RareIds::kHashed && !composed) || rows < (composed ? 2 : 1)) {
    return fail(Code::kCorrupt, "fields of a ranker: rare ids of '{}' share rows by no rule", key);
  }
  return RareRows{*kind, static_cast<uint32_t>(rows)};
}

// Objects of what only format 2 has; empty where they are not there.
Result<Json> object_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end()) return Json::object();
  if (found->is_object()) return *found;
  return fail(Code::kCorrupt, "fields of a ranker: '{}' is no object", key);
}

Status read_vocabulary(const Json& json, RankingVocabulary& of) {
  constexpr uint64_t kRowsMax = UINT32_MAX - kSharedRowsMax;
  of.items = static_cast<uint32_t>(TRY(number_of(json, "items", kRowsMax)));
  if (of.items == 0) return fail(Code::kCorrupt, "fields of a ranker: no row of items");
  const Json rare = TRY(object_of(json, "rare")), narrow = TRY(object_of(json, "narrow"));
  of.item_rare = TRY(rare_of(rare, "items"));
  if (json.contains("items_narrow")) {
    of.items_narrow = static_cast<uint32_t>(TRY(number_of(json, "items_narrow", kRowsMax)));
  }
  if (json.contains("history_items")) {
    of.history_items = static_cast<uint32_t>(TRY(number_of(json, "history_items", kRowsMax)));
  }
  if (of.items_narrow == 0) return fail(Code::kCorrupt, "fields of a ranker: no narrow row");
  for (const NamedRows& one : named_rows()) {
    std::unordered_set<std::string> seen;
    auto names = TRY(names_of(json, one.key, seen));
    std::vector<std::string> rest;
    if (narrow.contains(one.key)) rest = TRY(names_of(narrow, one.key, seen));
    of.*one.rows = NameRows(std::move(names), TRY(rare_of(rare, one.key)), std::move(rest));
  }
  return {};
}

}  // namespace

std::string to_json(const RankingFields::Parts& parts) {
  const RankingVocabulary& of = parts.vocabulary;
  Json json{
      {"format", 1}, {"features", parts.features}, {"history", parts.history}, {"items", of.items}};
  Json rare = Json::object(), narrow = Json::object();
  if (of.item_rare.rows > 0) rare["items"] = to_json(of.item_rare);
  for (const NamedRows& one : named_rows()) {
    const NameRows& rows = of.*one.rows;
    json[one.key] = rows.names();
    if (rows.rare().rows > 0) rare[one.key] = to_json(rows.rare());
    if (!rows.narrow().empty()) narrow[one.key] = rows.narrow();
  }
  if (!rare.empty()) json["rare"] = rare;
  if (!narrow.empty()) json["narrow"] = narrow;
  if (of.items_narrow > 1) json["items_narrow"] = of.items_narrow;
  if (of.history_items > 0) json["history_items"] = of.history_items;
  if (json.size() > 4 + named_rows().size()) json["format"] = kFormat;
  return json.dump();
}

Result<RankingFields::Parts> ranking_fields_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (const uint64_t format = TRY(number_of(json, "format", UINT64_MAX)); format > kFormat) {
    return fail(Code::kUnsupportedVersion,
                "fields of a ranker of format {}, this palate reads up to {}", format, kFormat);
  }
  RankingFields::Parts parts;
  std::unordered_set<std::string> seen;
  parts.features = TRY(names_of(json, "features", seen));
  parts.history = TRY(number_of(json, "history", UINT64_MAX));
  TRY(read_vocabulary(json, parts.vocabulary));
  return parts;
}

}  // namespace palate
