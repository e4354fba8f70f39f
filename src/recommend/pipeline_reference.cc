#include <fmt/format.h>

#include "recommend/formula.h"
#include "recommend/objectives.h"
#include "recommend/pipeline_stage.h"

namespace palate {
namespace {

std::string text_of(const FieldValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<int64_t>(&value)) return fmt::format("{}", *whole);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:g}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return fmt::format("{}", fmt::join(std::get<std::vector<std::string>>(value), ","));
}

std::string range_of(const FieldRange& range) {
  if (!range.one_of.empty()) return fmt::format("{}", fmt::join(range.one_of, ", "));
  if (range.min < -1e299) return range.unit;
  return fmt::format("{:g} to {:g}{}{}", range.min, range.max, range.unit.empty() ? "" : " ",
                     range.unit);
}

void add_kind(const StageKind& kind, std::string& page) {
  page += fmt::format(
      "\n### {}\n\nA {}. {}\n\n| parameter | default | range | what |\n|---|---|---|---|\n",
      kind.name, part_name(kind.part), kind.sentence);
  for (const Field& field : kind.fields(kind.name)) {
    page += fmt::format("| `{}` | {} | {} | {} |\n", field.key, text_of(field.default_value),
                        range_of(field.range), field.sentence);
  }
}

void add_formulas(std::string& page) {
  page +=
      "\n## Formulas\n\nNumbers, names, `+ - * /` (nothing divided by 0 is 0), parentheses, and "
      "functions. Every value is one of the candidates of\na request. What is not finite comes "
      "last.\n\n| name | what |\n|---|---|\n";
  for (const ObjectiveName& name : objective_names()) {
    page += fmt::format("| `{}` | {} |\n", name.name, name.sentence);
  }
  page += "\n| function | what |\n|---|---|\n";
  for (const Formula::Function& function : Formula::functions()) {
    page += fmt::format("| `{}` | {} |\n", function.name, function.sentence);
  }
}

}  // namespace

std::string pipeline_reference() {
  std::string page =
      "# Stages of pipelines\n\nWritten by `palate pipeline --reference`; "
      "[pipelines.md](../pipelines.md) says how they work together. A stage is its kind\nand "
      "its parameters, `dpp strength=0.3 places=50`; values with spaces stand in quotes.\n\n"
      "## Kinds\n";
  for (const StageKind& kind : stage_kinds()) add_kind(kind, page);
  add_formulas(page);
  return page;
}

}  // namespace palate
