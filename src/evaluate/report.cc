#include "evaluate/report.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace palate {
namespace {

std::string title(const Report& report) {
  return report.version.empty() ? report.kind : fmt::format("{} {}", report.kind, report.version);
}

std::string cell(const Interval& value) {
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", value.mean, value.low, value.high);
}

std::string signed_cell(const Interval& value) {
  const bool clear = value.low > 0 || value.high < 0;
  return fmt::format("{:+.4f} [{:+.4f}, {:+.4f}]{}", value.mean, value.low, value.high,
                     clear ? " *" : "");
}

std::string table_head(std::string_view first, std::span<const std::string> columns) {
  std::string head = fmt::format("| {} |", first);
  std::string rule = "|---|";
  for (const std::string& column : columns) {
    head += fmt::format(" {} |", column);
    rule += "---:|";
  }
  return fmt::format("{}\n{}\n", head, rule);
}

std::string facts(const Report& report) {
  std::string positions;
  for (const Position& position : report.as_of) {
    positions += fmt::format("{}{}", positions.empty() ? "" : ", ", to_string(position));
  }
  return fmt::format(
      "- split: {}\n- dataset: {} items, {} training and {} test interactions, as of {}\n"
      "- users: {} evaluated with {} relevant items; {} left out, since nothing in their test part "
      "is new and liked\n- candidates: the whole catalogue{}\n- intervals: 95 %, {} resamples of "
      "users, seed {}\n",
      report.split, report.items, report.train_interactions, report.test_interactions,
      positions.empty() ? "the rows given" : positions, report.users, report.relevant,
      report.users_left_out,
      report.options.exclude_seen ? ", without what the user had in training" : "",
      report.options.bootstrap_samples, report.options.seed);
}

std::string run_lines(const Report& report) {
  return fmt::format(
      "- {}: leak check {}; {} users without a history it knows; ranked in {:.2f} s, "
      "intervals in {:.2f} s\n",
      title(report), report.leak_check, report.users_fallback, report.seconds_ranking,
      report.seconds_intervals);
}

std::string metrics_table(std::span<const Report> reports) {
  std::vector<std::string> columns;
  for (const Report& report : reports) columns.push_back(title(report));
  std::string table = table_head("metric", columns);
  for (size_t i = 0; i < reports[0].metrics.size(); ++i) {
    const MetricValue& metric = reports[0].metrics[i];
    table += fmt::format("| {}@{} |", metric.name, metric.k);
    for (const Report& report : reports)
      table += fmt::format(" {} |", cell(report.metrics[i].value));
    table += '\n';
  }
  return table;
}

std::string differences_table(const Comparison& comparison) {
  std::vector<std::string> columns;
  for (const Difference& difference : comparison.differences) {
    columns.push_back(fmt::format("{} {}", difference.kind, difference.version));
  }
  std::string table = table_head("metric", columns);
  for (size_t i = 0; i < comparison.differences[0].metrics.size(); ++i) {
    const MetricValue& metric = comparison.differences[0].metrics[i];
    table += fmt::format("| {}@{} |", metric.name, metric.k);
    for (const Difference& difference : comparison.differences) {
      table += fmt::format(" {} |", signed_cell(difference.metrics[i].value));
    }
    table += '\n';
  }
  return table;
}

nlohmann::json json_of(std::span<const MetricValue> metrics) {
  nlohmann::json list = nlohmann::json::array();
  for (const MetricValue& metric : metrics) {
    list.push_back({{"name", metric.name},
                    {"k", metric.k},
                    {"mean", metric.value.mean},
                    {"low", metric.value.low},
                    {"high", metric.value.high}});
  }
  return list;
}

nlohmann::json json_of(const Report& report) {
  nlohmann::json positions = nlohmann::json::array();
  for (const Position& position : report.as_of) positions.push_back(to_string(position));
  return {
      {"model", {{"kind", report.kind}, {"version", report.version}}},
      {"split", report.split},
      {"leak_check", report.leak_check},
      {"as_of", positions},
      {"items", report.items},
      {"train_interactions", report.train_interactions},
      {"test_interactions", report.test_interactions},
      {"relevant", report.relevant},
      {"users", report.users},
      {"users_left_out", report.users_left_out},
      {"users_fallback", report.users_fallback},
      {"exclude_seen", report.options.exclude_seen},
      {"ks", report.options.ks},
      {"bootstrap",
       {{"samples", report.options.bootstrap_samples},
        {"seed", report.options.seed},
        {"level", BootstrapOptions{}.level}}},
      {"seconds", {{"ranking", report.seconds_ranking}, {"intervals", report.seconds_intervals}}},
      {"metrics", json_of(report.metrics)}};
}

}  // namespace

std::string to_markdown(const Comparison& comparison) {
  const Report& first = comparison.reports[0];
  std::string text = fmt::format("# Evaluation\n\n{}", facts(first));
  for (const Report& report : comparison.reports) text += run_lines(report);
  text += fmt::format("\n{}", metrics_table(comparison.reports));
  if (!comparison.differences.empty()) {
    text += fmt::format(
        "\n## Difference to {}\n\nPaired over users; * where the interval leaves "
        "out 0.\n\n{}",
        title(first), differences_table(comparison));
  }
  return text + "\nDefinitions: docs/evaluation.md\n";
}

std::string to_json(const Comparison& comparison) {
  nlohmann::json json{{"format", "palate-report"}, {"version", 1}};
  for (const Report& report : comparison.reports) json["reports"].push_back(json_of(report));
  json["differences"] = nlohmann::json::array();
  for (const Difference& difference : comparison.differences) {
    json["differences"].push_back(
        {{"model", {{"kind", difference.kind}, {"version", difference.version}}},
         {"to", {{"kind", comparison.reports[0].kind}, {"version", comparison.reports[0].version}}},
         {"metrics", json_of(difference.metrics)}});
  }
  return json.dump(2);
}

}  // namespace palate
