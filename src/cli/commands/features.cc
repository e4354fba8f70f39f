#include <cstdio>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "features/reader.h"
#include "features/reference.h"
#include "operate/feature_values.h"

namespace palate {
namespace {

struct FeatureFlags {
  bool reference = false;
  FeatureQuestion question;
  std::string as_of, now;
};

Status list_features(const Context& context) {
  const auto names = FeatureReader::all_names(context.settings.types, context.settings.features);
  if (context.json) {
    print_json({{"features", names}});
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const Feature& feature : features()) {
    const auto kept = std::ranges::count_if(names, [&](const std::string& name) {
      return name.substr(0, name.find(':')) == feature.spec.name;
    });
    rows.push_back({std::string(feature.spec.name), kept == 0 ? "off" : fmt::format("{}", kept),
                    std::string(feature.spec.unit), std::string(feature.spec.sentence)});
  }
  print_table({"feature", "columns", "unit", "what"}, rows);
  print_line("off: switch it on in [features]; docs/reference/features.md says more");
  return {};
}

nlohmann::ordered_json row_json(const FeatureAnswer& answer, size_t row) {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  for (size_t f = 0; f < answer.names.size(); ++f) {
    values[answer.names[f]] = answer.values[row * answer.names.size() + f];
  }
  return values;
}

void print_answer(const Context& context, const FeatureAnswer& answer) {
  if (context.json) {
    nlohmann::ordered_json json = {{"as_of", to_string(answer.as_of)},
                                   {"known_user", answer.known_user},
                                   {"items", nlohmann::ordered_json::array()}};
    for (size_t i = 0; i < answer.items.size(); ++i) {
      json["items"].push_back({{"item", answer.items[i]}, {"features", row_json(answer, i)}});
    }
    if (answer.items.empty()) json["features"] = row_json(answer, 0);
    print_json(json);
    return;
  }
  std::vector<std::string> head{"feature"};
  head.insert(head.end(), answer.items.begin(), answer.items.end());
  if (answer.items.empty()) head.emplace_back("value");
  std::vector<std::vector<std::string>> rows;
  for (size_t f = 0; f < answer.names.size(); ++f) {
    std::vector<std::string> row{answer.names[f]};
    for (size_t i = 0; i + 1 < head.size(); ++i) {
      row.push_back(fmt::format("{:g}", answer.values[i * answer.names.size() + f]));
    }
    rows.push_back(std::move(row));
  }
  print_table(head, rows);
  print_line(fmt::format("as of {}", to_string(answer.as_of)));
}

Status show_features(const Context& context, const FeatureFlags& flags) {
  FeatureQuestion question = flags.question;
  if (!flags.as_of.empty()) {
    question.as_of = parse_positions(flags.as_of);
    if (!question.as_of) {
      return fail(Code::kInvalidArgument, "--as-of '{}' must be like events/0@120,items/0@40",
                  flags.as_of);
    }
  }
  if (!flags.now.empty()) question.now = TRY(parse_rfc3339(flags.now));
  auto data = TRY(context.open_data(OpenMode::kReader));
  print_answer(context,
               TRY(read_features(*data, context.settings.types, question, process_stop_token())));
  return {};
}

}  // namespace

Command features_command() {
  return {
      "features", "List the features, or read them for a user and items, now or as of a position",
      "Examples:\n  palate features\n  palate features --user ann --item i1 --item i2\n"
      "  palate features --user ann --as-of events/0@1000,items/0@50 --now 2026-01-01T00:00:00Z\n"
      "  palate features --reference > docs/reference/features.md",
      [](CommandFlags& command) {
        auto flags = std::make_shared<FeatureFlags>();
        command.add("--reference", flags->reference, "Print the reference page instead");
        command.add("--user", flags->question.user, "Whose features");
        command.add("--item", flags->question.items, "Of which items, too");
        command.add("--feature", flags->question.names, "Only these");
        command.add("--region", flags->question.region, "Of the request");
        command.add("--as-of", flags->as_of,
                    "As known at these positions of the log, instead of now");
        command.add("--now", flags->now, "The time to read at, instead of the clock's");
        return std::function<Status(Context&)>([flags](Context& context) -> Status {
          if (flags->reference) {
            std::fputs(feature_reference().c_str(), stdout);
            return {};
          }
          const bool asked = !flags->question.user.empty() || !flags->question.items.empty();
          return asked ? show_features(context, *flags) : list_features(context);
        });
      }};
}

}  // namespace palate
