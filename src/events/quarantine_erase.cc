#include "events/quarantine_erase.h"

#include <algorithm>
#include <array>
#include <string>

#include <nlohmann/json.hpp>

#include "events/quarantine_files.h"

namespace palate {
namespace {

using Json = nlohmann::json;

bool value_names(const Json& value, const IsForgotten& is_forgotten) {
  if (value.is_string()) return is_forgotten(value.get_ref<const std::string&>());
  if (value.is_number()) return is_forgotten(value.dump());
  if (!value.is_structured()) return false;
  return std::ranges::any_of(value,
                             [&](const Json& inner) { return value_names(inner, is_forgotten); });
}

std::string_view trimmed(std::string_view field) {
  constexpr std::string_view kAround = " \t\r\n\"'\\";
  const size_t first = field.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  return field.substr(first, field.find_last_not_of(kAround) - first + 1);
}

bool field_names(std::string_view row, std::string_view delimiters,
                 const IsForgotten& is_forgotten) {
  for (size_t begin = 0; begin <= row.size();) {
    const size_t end = std::min(row.find_first_of(delimiters, begin), row.size());
    const std::string_view field = trimmed(row.substr(begin, end - begin));
    if (!field.empty() && is_forgotten(field)) return true;
    begin = end + 1;
  }
  return false;
}

// Empty where the recipe does not say which one it is.
std::string user_key_of(const QuarantineRecipe& recipe) {
  const ColumnMapping& mapping = recipe.mapping;
  if (mapping.own_form) return recipe.kind == RecordKind::kUsers ? "id" : "user";
  const auto column = mapping.columns.find(recipe.kind == RecordKind::kUsers ? "id" : "user");
  return column == mapping.columns.end() ? "" : column->second;
}

}  // namespace

bool row_names(std::string_view row, std::string_view user_key, const IsForgotten& is_forgotten) {
  const Json json = Json::parse(row, nullptr, false);
  if (json.is_object()) {
    const auto user = json.find(user_key);
    const bool says = user != json.end() && (user->is_string() || user->is_number());
    return value_names(says ? *user : json, is_forgotten);
  }
  if (json.is_array() && value_names(json, is_forgotten)) return true;
  // Ids may hold what separates the fields of other formats.
  constexpr std::array<std::string_view, 5> kDelimiters{",", "\t", ";", "|", ",;|\t{}[]: "};
  return std::ranges::any_of(kDelimiters, [&](std::string_view delimiters) {
    return field_names(row, delimiters, is_forgotten);
  });
}

Result<uint64_t> erase_quarantined(const Path& path, const IsForgotten& is_forgotten) {
  uint64_t erased = 0, kept = 0;
  const std::string text = TRY(read_file(path));
  std::string left, user_key;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view whole = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    rest.remove_prefix(whole.size());
    const auto line = parse_quarantine_line(whole);
    const bool is_recipe = line && line->recipe;
    if (is_recipe) user_key = user_key_of(*line->recipe);
    const bool goes = !is_recipe && row_names(line ? std::string_view(line->row.bytes) : whole,
                                              user_key, is_forgotten);
    if (!goes) left += whole;
    if (!is_recipe) ++(goes ? erased : kept);
  }
  if (erased == 0) return 0;
  if (kept == 0) {
    TRY(remove_file(path));
  } else {
    TRY(write_file_atomically(path, left));
  }
  return erased;
}

}  // namespace palate
