#include "base/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <unistd.h>

#include "base/near_names.h"

namespace palate {
namespace {

std::string_view type_name(const FieldValue& value) {
  constexpr std::string_view kNames[] = {"true or false", "a whole number", "a number", "a text",
                                         "a list of texts"};
  return kNames[value.index()];
}

Status check_number(const Field& field, double value) {
  if (std::isfinite(value) && value >= field.range.min && value <= field.range.max) return {};
  return fail(Code::kInvalidArgument, "{} must lie between {} and {}{}{}, not {}", field.name(),
              field.range.min, field.range.max, field.range.unit.empty() ? "" : " ",
              field.range.unit, value);
}

Status check_range(const Field& field, const FieldValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value))
    return check_number(field, static_cast<double>(*number));
  if (const auto* number = std::get_if<double>(&value)) return check_number(field, *number);
  const auto* text = std::get_if<std::string>(&value);
  const auto& allowed = field.range.one_of;
  if (text == nullptr || allowed.empty() || std::ranges::find(allowed, *text) != allowed.end())
    return {};
  return fail(Code::kInvalidArgument, "{} must be one of {}, not '{}'", field.name(),
              fmt::join(allowed, ", "), *text);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return out;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

// The text of a flag or an environment variable as a value of the field's type.
std::optional<FieldValue> parse_value(const FieldValue& like, std::string_view text) {
  if (std::holds_alternative<std::string>(like)) return FieldValue(std::string(text));
  if (std::holds_alternative<std::vector<std::string>>(like)) return FieldValue(split_list(text));
  if (std::holds_alternative<bool>(like)) {
    if (text == "true" || text == "1" || text == "yes" || text == "on") return FieldValue(true);
    if (text == "false" || text == "0" || text == "no" || text == "off") return FieldValue(false);
    return {};
  }
  if (std::holds_alternative<int64_t>(like)) {
    if (auto number = parse_number<int64_t>(text)) return FieldValue(*number);
    return {};
  }
  if (auto number = parse_number<double>(text)) return FieldValue(*number);
  return {};
}

Status set_from_text(const Field& field, std::string_view text, std::string_view said_by) {
  auto value = parse_value(field.default_value, text);
  if (!value) {
    return fail(Code::kInvalidArgument, "{}: {} takes {}, not '{}'", said_by, field.name(),
                type_name(field.default_value), text.substr(0, 80));
  }
  return set_field(field, std::move(*value), said_by);
}

std::string upper_case(std::string name) {
  for (char& c : name)
    c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string environment_name(const Field& field) {
  return upper_case("PALATE_" + field.section + "_" + field.key);
}

}  // namespace

Status set_field(const Field& field, FieldValue value, std::string_view said_by) {
  if (std::holds_alternative<double>(field.default_value) &&
      std::holds_alternative<int64_t>(value)) {
    value = static_cast<double>(std::get<int64_t>(value));
  }
  if (value.index() != field.default_value.index()) {
    return fail(Code::kInvalidArgument, "{}: {} takes {}", said_by, field.name(),
                type_name(field.default_value));
  }
  if (auto fits = check_range(field, value); !fits)
    return std::unexpected(fits.error().within(said_by));
  field.set(value);
  return {};
}

void ConfigSchema::add_table(std::string prefix, std::string sentence, std::string example_toml,
                             TableReader reader) {
  tables_.push_back(
      {std::move(prefix), std::move(sentence), std::move(example_toml), std::move(reader)});
}

Status ConfigSchema::apply_environment() {
  std::vector<std::string> known, sections;
  for (const Field& field : fields_) {
    const std::string name = known.emplace_back(environment_name(field));
    sections.push_back(upper_case("PALATE_" + field.section + "_"));
    if (const char* text = std::getenv(name.c_str())) TRY(set_from_text(field, text, name));
  }
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    const bool of_a_section =
        std::ranges::any_of(sections, [&](const auto& prefix) { return name.starts_with(prefix); });
    if (!of_a_section || std::ranges::find(known, name) != known.end()) continue;
    return fail(Code::kInvalidArgument, "{} in the environment is no known setting{}", name,
                did_you_mean(name, known));
  }
  return {};
}

Status ConfigSchema::apply_flag(std::string_view name, std::string_view value) {
  std::vector<std::string> names;
  for (const Field& field : fields_) {
    names.push_back(field.name());
    if (names.back() != name) continue;
    const auto so_far = field.get();
    TRY(set_from_text(field, value, fmt::format("--{}", name)));
    const bool again = !flagged_.emplace(name).second;
    if (const auto* list = std::get_if<std::vector<std::string>>(&so_far); again && list) {
      auto both = *list;
      std::ranges::copy(std::get<std::vector<std::string>>(field.get()), std::back_inserter(both));
      field.set(both);
    }
    return {};
  }
  return fail(Code::kInvalidArgument, "--{} is no known setting{}", name,
              did_you_mean(name, names));
}

}  // namespace palate
