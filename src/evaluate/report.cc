#include "evaluate/report.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "evaluate/metrics_json.h"

namespace palate {

std::string describe(const TestFileFacts& file) {
  const std::array<std::pair<uint64_t, std::string_view>, 6> odd{{
      {file.users_untrained, "users without training rows"},
      {file.items_untrained, "items without training rows, which nobody can recommend"},
      {file.in_training, "rows whose user and item the log has, too"},
      {file.repeated, "rows that repeat an earlier pair"},
      {file.neutral, "rows that say nothing about taste"},
      {file.refused, "rows that could not be read"},
  }};
  std::string text;
  for (const auto& [count, what] : odd) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : "; ", count, what);
  }
  return text.empty() ? "every user and item has training rows" : text;
}

namespace {

std::string title(const Report& report) {
  return report.version.empty() ? report.kind : fmt::format("{} {}", report.kind, report.version);
}

std::string name_of(const MetricValue& metric) {
  return metric.k == 0 ? metric.name : fmt::format("{}@{}", metric.name, metric.k);
}

std::string cell(const Interval& value) {
  if (value.low == value.high) return fmt::format("{:.4f}", value.mean);
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", value.mean, value.low, value.high);
}

std::string signed_cell(const MetricValue& metric) {
  const Interval& value = metric.value;
  const bool clear = value.low > 0 || value.high < 0;
  return fmt::format("{:+.4f} [{:+.4f}, {:+.4f}]{}{}", value.mean, value.low, value.high,
                     metric.p < 0 ? "" : fmt::format(" p {:.2g}", metric.p), clear ? " *" : "");
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
      "- split: {}\n{}- dataset: {} items, {} training and {} test interactions, as of {}\n"
      "- users: {} evaluated with {} relevant items; {} left out, since nothing in their test part "
      "is new and liked\n- candidates: the whole catalogue{}\n- intervals: 95 %, {} resamples of "
      "users, seed {}\n",
      report.split,
      report.test_file ? fmt::format("- test file: {}\n", describe(*report.test_file)) : "",
      report.items, report.train_interactions, report.test_interactions,
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
    table += fmt::format("| {} |", name_of(metric));
    for (const Report& report : reports)
      table += fmt::format(" {} |", cell(report.metrics[i].value));
    table += '\n';
  }
  return table;
}

// Rows of what any report has; empty where none has anything.
std::string ratings_table(std::span<const Report> reports) {
  std::vector<std::string> columns, names;
  for (const Report& report : reports) {
    columns.push_back(title(report));
    for (const MetricValue& metric : report.ratings) {
      if (std::ranges::find(names, metric.name) == names.end()) names.push_back(metric.name);
    }
  }
  if (names.empty()) return "";
  std::string table = "\n## Rated rows\n\n" + table_head("metric", columns);
  for (const std::string& name : names) {
    table += fmt::format("| {} |", name);
    for (const Report& report : reports) {
      const auto at = std::ranges::find(report.ratings, name, &MetricValue::name);
      table += at == report.ratings.end() ? " – |" : fmt::format(" {} |", cell(at->value));
    }
    table += '\n';
  }
  return table;
}

std::string exposure_table(std::span<const Report> reports) {
  std::vector<std::string> columns;
  for (const Report& report : reports) columns.push_back(title(report));
  std::string table = "\n## Beyond accuracy\n\n" + table_head("metric", columns);
  for (size_t i = 0; i < reports[0].exposure.size(); ++i) {
    table += fmt::format("| {} |", name_of(reports[0].exposure[i]));
    for (const Report& report : reports) {
      table += fmt::format(" {} |", cell(report.exposure[i].value));
    }
    table += '\n';
  }
  for (const Report& report : reports) {
    for (const ExposureGap& gap : report.exposure_gaps) {
      table += fmt::format(
          "\n{}: {:.1f} % of the exposure by {} (first {}) lies elsewhere than in "
          "training.\n",
          title(report), 100 * gap.gap, gap.by, gap.k);
    }
  }
  return table;
}

std::string breakdown_table(std::span<const Report> reports) {
  std::vector<std::string> columns{"group", "number"};
  for (const Report& report : reports) columns.push_back(title(report) + " recall, ndcg");
  std::string table = "\n## For whom, and for what\n\n" + table_head("by", columns);
  for (size_t i = 0; i < reports[0].breakdowns.size(); ++i) {
    const Breakdown& first = reports[0].breakdowns[i];
    table += fmt::format("| {} | {} | {} |", first.by, first.group, first.count);
    for (const Report& report : reports) {
      const Breakdown& part = report.breakdowns[i];
      table += fmt::format(" {:.4f}, {:.4f} |", part.recall, part.ndcg);
    }
    table += '\n';
  }
  return table;
}

// How far seeds of training lie apart; empty where there was one.
std::string seeds_part(std::span<const Report> reports) {
  if (reports[0].seeds.empty()) return "";
  std::vector<std::string> columns;
  for (const Report& report : reports) columns.push_back(report.kind + " mean, deviation, range");
  std::string table = fmt::format(
      "\n## Over {} seeds of training\n\nOn the same split; apart from the intervals over users, "
      "which are of the first seed.\n\n{}",
      reports[0].seeds[0].means.size(), table_head("metric", columns));
  for (size_t i = 0; i < reports[0].seeds.size(); ++i) {
    const SeedSpread& first = reports[0].seeds[i];
    table += fmt::format("| {} |", name_of({first.name, first.k, {}}));
    for (const Report& report : reports) {
      const auto at = std::ranges::find_if(report.seeds, [&](const SeedSpread& spread) {
        return spread.name == first.name && spread.k == first.k;
      });
      if (at == report.seeds.end()) {
        table += " – |";
        continue;
      }
      const auto [low, high] = std::ranges::minmax(at->means);
      table +=
          fmt::format(" {:.4f} ±{:.4f} [{:.4f}, {:.4f}] |", at->mean(), at->deviation(), low, high);
    }
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
    table += fmt::format("| {} |", name_of(metric));
    for (const Difference& difference : comparison.differences) {
      table += fmt::format(" {} |", signed_cell(difference.metrics[i]));
    }
    table += '\n';
  }
  return table;
}

nlohmann::json json_of(const SeedSpread& spread) {
  return {{"name", spread.name},
          {"k", spread.k},
          {"mean", spread.mean()},
          {"deviation", spread.deviation()},
          {"means", spread.means}};
}

nlohmann::json json_of(const TestFileFacts& file) {
  return {{"name", file.name},
          {"hash", file.hash},
          {"rows", file.rows},
          {"refused", file.refused},
          {"neutral", file.neutral},
          {"repeated", file.repeated},
          {"in_training", file.in_training},
          {"users_untrained", file.users_untrained},
          {"items_untrained", file.items_untrained}};
}

nlohmann::json json_of(const ExposureGap& gap) {
  nlohmann::json widest = nlohmann::json::array();
  for (const ExposureGap::Group& group : gap.widest) {
    widest.push_back({{"name", group.name}, {"exposed", group.exposed}, {"had", group.had}});
  }
  return {{"by", gap.by}, {"k", gap.k}, {"gap", gap.gap}, {"widest", widest}};
}

nlohmann::json json_of(const Breakdown& part) {
  return {{"by", part.by}, {"group", part.group},   {"count", part.count},
          {"k", part.k},   {"recall", part.recall}, {"ndcg", part.ndcg}};
}

template <class T>
nlohmann::json list_of(const std::vector<T>& parts) {
  nlohmann::json list = nlohmann::json::array();
  for (const T& part : parts) list.push_back(json_of(part));
  return list;
}

nlohmann::json json_of(const Report& report) {
  nlohmann::json positions = nlohmann::json::array();
  for (const Position& position : report.as_of) positions.push_back(to_string(position));
  return {
      {"model", {{"kind", report.kind}, {"version", report.version}}},
      {"split", report.split},
      {"test_file", report.test_file ? json_of(*report.test_file) : nlohmann::json()},
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
      {"metrics", metrics_json(report.metrics)},
      {"ratings", metrics_json(report.ratings)},
      {"exposure", metrics_json(report.exposure)},
      {"exposure_gaps", list_of(report.exposure_gaps)},
      {"breakdowns", list_of(report.breakdowns)},
      {"seeds", list_of(report.seeds)}};
}

}  // namespace

std::string to_markdown(const Comparison& comparison) {
  const Report& first = comparison.reports[0];
  std::string text = fmt::format("# Evaluation\n\n{}", facts(first));
  for (const Report& report : comparison.reports) text += run_lines(report);
  text += fmt::format("\n{}{}{}{}{}", metrics_table(comparison.reports),
                      ratings_table(comparison.reports), seeds_part(comparison.reports),
                      exposure_table(comparison.reports), breakdown_table(comparison.reports));
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
         {"metrics", metrics_json(difference.metrics)}});
  }
  return json.dump(2);
}

}  // namespace palate
