#include "features/reference.h"

#include <fmt/format.h>

#include "features/feature.h"

namespace palate {
namespace {

std::string_view entity_name(Entity entity) {
  switch (entity) {
    case Entity::kUser:
      return "user";
    case Entity::kItem:
      return "item";
    case Entity::kPair:
      return "user × item";
  }
  return "";
}

std::string_view needs(const Feature& feature) {
  if (feature.needs_co_views) return "co_views";
  if (feature.needs_flag == &FeatureConfig::trust) return "trust";
  return feature.needs_flag == nullptr ? "" : "counters";
}

}  // namespace

std::string feature_reference() {
  std::string page =
      "# Features\n\nWritten by `palate features --reference`. Every feature is one number for a "
      "user, an item or both, read as of a\nposition of the log: online and offline the same, to "
      "the last bit. `:type` stands for an event type, `:half-life` for\n1h, 1d or 7d, as in "
      "`item_count:click:1d`. What \"needs\" something is kept only where the section `[features]` "
      "switches\nthat on.\n\n## Folded states\n\n| state | of | unit | default | version | what |\n"
      "|---|---|---|---|--:|---|\n";
  for (const FeatureSpec& spec : feature_specs()) {
    page += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", spec.name, entity_name(spec.entity),
                        spec.unit, spec.default_value, spec.version, spec.sentence);
  }
  page +=
      "\n## Numbers\n\n| feature | of | unit | default | version | needs | what |\n"
      "|---|---|---|---|--:|---|---|\n";
  for (const Feature& feature : features()) {
    const FeatureSpec& spec = feature.spec;
    page += fmt::format("| `{}{}{}` | {} | {} | {} | {} | {} | {} |\n", spec.name,
                        feature.by_type ? ":type" : "", feature.by_half_life ? ":half-life" : "",
                        entity_name(spec.entity), spec.unit, spec.default_value, spec.version,
                        needs(feature), spec.sentence);
  }
  return page;
}

}  // namespace palate
