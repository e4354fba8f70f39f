#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"
#include "evaluate/report.h"
#include "evaluate/user_values.h"

namespace palate {
namespace {

struct Flags {
  std::string first, second;
};

// "12", "12/als" or a path, with or without the model.
Result<Path> values_file(const Path& root, const std::string& said) {
  std::error_code none;
  Path path = said;
  const size_t slash = said.find('/');
  const std::string number = said.substr(0, slash);
  if (!number.empty() && number.find_first_not_of("0123456789") == std::string::npos) {
    path = root / "evaluations" / fmt::format("{:06}", std::atoll(number.c_str()));
    if (slash != std::string::npos) path /= said.substr(slash + 1);
  }
  if (std::filesystem::is_regular_file(path, none)) return path;
  const Path with_ending = path.string() + ".values";
  if (std::filesystem::is_regular_file(with_ending, none)) return with_ending;
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(path, none)) {
    if (entry.path().extension() == ".values") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  if (found.size() == 1) return path / (found[0] + ".values");
  if (found.empty()) return fail(Code::kNotFound, "there is no evaluation '{}'", said);
  return fail(Code::kInvalidArgument, "'{}' has several models; say which: {}/{}", said, said,
              fmt::join(found, fmt::format(", {}/", said)));
}

std::string difference_cell(const MetricValue& metric) {
  const Interval& v = metric.value;
  return fmt::format("{:+.4f} ({:+.4f} to {:+.4f}){}", v.mean, v.low, v.high,
                     v.low > 0 || v.high < 0 ? " *" : "");
}

const MetricValue* find(const Report& report, const MetricValue& wanted) {
  for (const auto* list : {&report.metrics, &report.ratings}) {
    for (const MetricValue& metric : *list) {
      if (metric.name == wanted.name && metric.k == wanted.k) return &metric;
    }
  }
  return nullptr;
}

void print_comparison(const Comparison& comparison) {
  const Report &a = comparison.reports[0], &b = comparison.reports[1];
  print_line(a.split);
  std::vector<std::vector<std::string>> rows;
  for (const MetricValue& metric : comparison.differences[0].metrics) {
    const std::string name =
        metric.k == 0 ? metric.name : fmt::format("{}@{}", metric.name, metric.k);
    const MetricValue *of_a = find(a, metric), *of_b = find(b, metric);
    rows.push_back({name, of_a ? fmt::format("{:.4f}", of_a->value.mean) : "",
                    of_b ? fmt::format("{:.4f}", of_b->value.mean) : "", difference_cell(metric),
                    metric.p < 0 ? "" : fmt::format("{:.2g}", metric.p)});
  }
  print_table({"metric", a.kind + " " + a.version, b.kind + " " + b.version, "difference", "p"},
              rows);
  print_line(fmt::format(
      "{} users. Differences are paired; in brackets their 95 % intervals over users, * where they "
      "leave out 0; p of the paired test.",
      human_count(a.user_rows.size())));
}

Status compare_two(Context& context, const Flags& flags) {
  const Path root = Path(context.settings.data.dir) / context.settings.data.tenant;
  auto a = TRY(load_user_values(TRY(values_file(root, flags.first))));
  auto b = TRY(load_user_values(TRY(values_file(root, flags.second))));
  TRY(check_same_users(a, b));
  ThreadPool pool;
  std::vector<Report> reports;
  reports.push_back(std::move(a.report));
  reports.push_back(std::move(b.report));
  const Comparison comparison = TRY(compare(std::move(reports), pool));
  if (!context.json) {
    print_comparison(comparison);
    return {};
  }
  const auto whole = nlohmann::ordered_json::parse(to_json(comparison));
  print_json({{"format", "palate-comparison"},
              {"version", 1},
              {"users", comparison.reports[0].user_rows.size()},
              {"models", {whole["reports"][0]["model"], whole["reports"][1]["model"]}},
              {"metrics", {whole["reports"][0]["metrics"], whole["reports"][1]["metrics"]}},
              {"differences", whole["differences"][0]["metrics"]}});
  return {};
}

}  // namespace

Command compare_command() {
  return {"compare", "Two evaluations of the same users, side by side, with paired differences",
          "Examples:\n  palate compare 3/als 5/als\n  palate compare 7/als 7/mf --json\n"
          "An evaluation is a number below <data>/<tenant>/evaluations, or a path.",
          [](CommandFlags& command) {
            auto flags = std::make_shared<Flags>();
            command.add("first", flags->first, "What is compared with").required();
            command.add("second", flags->second, "How much better or worse is this?").required();
            return std::function<Status(Context&)>(
                [flags](Context& context) { return compare_two(context, *flags); });
          }};
}

}  // namespace palate
