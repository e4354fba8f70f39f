#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"

namespace palate {
namespace {

std::string text_of(const FieldValue& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::vector<std::string>>)
          return fmt::format("{}", fmt::join(v, ","));
        else
          return fmt::format("{}", v);
      },
      value);
}

Status check(Context& context) {
  nlohmann::ordered_json changed = nlohmann::ordered_json::object();
  for (const Field& field : context.settings.schema.fields()) {
    const FieldValue value = field.get();
    if (value == field.default_value) continue;
    changed[field.name()] = text_of(value);
    if (!context.json) {
      print_line(fmt::format("{} = {}  (default {})", field.name(), text_of(value),
                             text_of(field.default_value)));
    }
  }
  if (context.json)
    print_json({{"ok", true}, {"changed", changed}});
  else
    print_line(changed.empty() ? "settings are fine; all at their defaults" : "settings are fine");
  return {};
}

}  // namespace

Command check_command() {
  return {"check", "Say what is wrong with the settings, or which differ from the defaults",
          "Examples:\n  palate check\n  palate check --config staging.toml --als.factors 128\n"
          "  palate check --reference > docs/reference/config.md",
          [](CommandFlags& command) {
            auto reference = std::make_shared<bool>(false);
            command.add("--reference", *reference,
                        "Print the reference page of all settings instead");
            return std::function<Status(Context&)>([reference](Context& context) -> Status {
              if (!*reference) return check(context);
              const Settings defaults;
              std::fputs(defaults.schema.to_markdown().c_str(), stdout);
              return {};
            });
          }};
}

}  // namespace palate
