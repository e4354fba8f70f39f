// The TOML side of the config: reading a file with line numbers in every error, and writing the
// commented one.
#include <algorithm>

#include <toml++/toml.h>

#include "base/config.h"
#include "base/near_names.h"

namespace palate {
namespace {

std::optional<FieldValue> to_value(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return FieldValue(value->get());
  if (const auto* value = node.as_integer()) return FieldValue(value->get());
  if (const auto* value = node.as_floating_point()) return FieldValue(value->get());
  if (const auto* value = node.as_string()) return FieldValue(value->get());
  const auto* array = node.as_array();
  if (array == nullptr) return {};
  std::vector<std::string> list;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return {};
    list.push_back(text->get());
  }
  return FieldValue(std::move(list));
}

std::string place(std::string_view file_name, const toml::source_region& source) {
  return fmt::format("{}:{}", file_name, source.begin.line);
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string toml_literal(const FieldValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value)) {
    std::string text = fmt::format("{}", *number);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  if (const auto* text = std::get_if<std::string>(&value)) return in_quotes(*text);
  std::string out = "[";
  for (const std::string& text : std::get<std::vector<std::string>>(value)) {
    out += (out.size() > 1 ? ", " : "") + in_quotes(text);
  }
  return out + "]";
}

// "(1 to 4096 dimensions)" or "(one of a, b)"; empty when anything goes.
std::string range_text(const FieldRange& range) {
  if (!range.one_of.empty()) return fmt::format("one of {}", fmt::join(range.one_of, ", "));
  const bool bounded = range.min > -1e299 || range.max < 1e299;
  if (!bounded) return range.unit;
  std::string text;
  if (range.max >= 1e299) {
    text = fmt::format("at least {}", range.min);
  } else if (range.min <= -1e299) {
    text = fmt::format("at most {}", range.max);
  } else {
    text = fmt::format("{} to {}", range.min, range.max);
  }
  return range.unit.empty() ? text : text + " " + range.unit;
}

// Walks a parsed document and applies each key, so that errors carry the file's own lines.
class TomlReader {
 public:
  using Claim = std::function<Result<bool>(const std::string& path, const toml::table& table)>;

  TomlReader(const std::vector<Field>& fields, std::string_view file_name, Claim claim)
      : fields_(fields), file_name_(file_name), claim_(std::move(claim)) {}

  Status walk(const toml::table& table, const std::string& path) {
    for (const auto& [key, node] : table) {
      const std::string name =
          path.empty() ? std::string(key.str()) : path + "." + std::string(key.str());
      if (const toml::table* inner = node.as_table()) {
        auto claimed = claim_(name, *inner);
        if (!claimed)
          return std::unexpected(claimed.error().within(place(file_name_, node.source())));
        if (!*claimed) TRY(walk(*inner, name));
      } else {
        TRY(apply(name, node));
      }
    }
    return {};
  }

 private:
  Status apply(const std::string& name, const toml::node& node) {
    const std::string where = place(file_name_, node.source());
    const auto field = std::ranges::find(fields_, name, &Field::name);
    if (field == fields_.end()) {
      std::vector<std::string> names;
      for (const Field& known : fields_) names.push_back(known.name());
      return fail(Code::kInvalidArgument, "{}: unknown key '{}'{}", where, name,
                  did_you_mean(name, names));
    }
    auto value = to_value(node);
    if (!value)
      return fail(Code::kInvalidArgument, "{}: {} has a value of the wrong type", where, name);
    return set_field(*field, std::move(*value), where);
  }

  const std::vector<Field>& fields_;
  std::string_view file_name_;
  Claim claim_;
};

}  // namespace

Status ConfigSchema::apply_toml(std::string_view text, std::string_view file_name) {
  const auto claim = [this](const std::string& path, const toml::table& table) -> Result<bool> {
    for (const Table& known : tables_) {
      if (!path.starts_with(known.prefix + ".")) continue;
      std::map<std::string, FieldValue> values;
      for (const auto& [key, node] : table) {
        auto value = to_value(node);
        if (!value)
          return fail(Code::kInvalidArgument, "{}.{} has a value of the wrong type", path,
                      key.str());
        values.emplace(std::string(key.str()), std::move(*value));
      }
      TRY(known.reader(path.substr(known.prefix.size() + 1), values));
      return true;
    }
    return false;
  };
  try {
    const toml::table document = toml::parse(text, std::string(file_name));
    return TomlReader(fields_, file_name, claim).walk(document, "");
  } catch (const toml::parse_error& error) {
    return fail(Code::kInvalidArgument, "{}: {}", place(file_name, error.source()),
                error.description());
  }
}

std::string ConfigSchema::to_toml() const {
  std::string out =
      "# Palate's configuration. Every key is at its default and commented out: change what you "
      "need.\n"
      "# A flag (--als.factors 128) wins over the environment (PALATE_ALS_FACTORS=128), which wins "
      "over this file.\n"
      "# `palate check` says what is wrong with it.\n";
  std::string section;
  for (const Field& field : fields_) {
    if (field.section != section) out += fmt::format("\n[{}]\n", section = field.section);
    const std::string range = range_text(field.range);
    out +=
        fmt::format("# {}{}\n# {} = {}\n", field.sentence, range.empty() ? "" : " (" + range + ")",
                    field.key, toml_literal(field.default_value));
  }
  for (const Table& table : tables_)
    out += fmt::format("\n# {}\n{}", table.sentence, table.example);
  return out;
}

std::string ConfigSchema::to_markdown() const {
  std::string out =
      "# Configuration\n\nMade by `palate check --reference` from the fields that the code "
      "declares. A key `factors` of "
      "section `als` is `[als] factors` in `palate.toml`, `--als.factors` as a flag and "
      "`PALATE_ALS_FACTORS` in the "
      "environment. Flag over environment over file over default.\n";
  std::string section;
  for (const Field& field : fields_) {
    if (field.section != section) {
      out += fmt::format("\n## {}\n\n| key | default | range | what it does |\n|---|---|---|---|\n",
                         section = field.section);
    }
    out += fmt::format("| `{}` | `{}` | {} | {} |\n", field.key, toml_literal(field.default_value),
                       range_text(field.range), field.sentence);
  }
  for (const Table& table : tables_) {
    out += fmt::format("\n## {}.<name>\n\n{}\n\n```toml\n{}```\n", table.prefix, table.sentence,
                       table.example);
  }
  return out;
}

}  // namespace palate
