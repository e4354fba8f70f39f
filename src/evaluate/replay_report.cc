#include "evaluate/replay_report.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "evaluate/intervals.h"
#include "evaluate/metrics_json.h"

namespace palate {
namespace {

constexpr std::array<std::string_view, kReplayMetrics> kNames{"hit_rate", "ndcg", "mrr"};

size_t columns_of(const ReplayOptions& options) { return 1 + kReplayMetrics * options.ks.size(); }

std::vector<SumsMetric> sums_metrics(const ReplayOptions& options) {
  std::vector<SumsMetric> metrics;
  for (size_t column = 1; column < columns_of(options); ++column) metrics.push_back({column, 0});
  return metrics;
}

// Intervals, one a metric and k, with their names.
std::vector<MetricValue> named(const std::vector<Interval>& values, const ReplayOptions& options) {
  std::vector<MetricValue> out;
  const auto& ks = options.ks;
  for (size_t i = 0; i < values.size(); ++i) {
    out.push_back({std::string(kNames[i / ks.size()]), ks[i % ks.size()], values[i]});
  }
  return out;
}

BootstrapOptions bootstrap(const ReplayOptions& options) {
  return {.resamples = options.bootstrap_samples, .seed = options.seed};
}

std::vector<MetricValue> means(const std::vector<double>& sums, const ReplayOptions& options,
                               ThreadPool& pool) {
  const auto metrics = sums_metrics(options);
  return named(
      bootstrap_quotients({sums, columns_of(options)}, metrics, {pool, bootstrap(options)}),
      options);
}

// `other` less `sums`.
std::vector<MetricValue> paired(const std::vector<double>& sums, const std::vector<double>& other,
                                const ReplayOptions& options, ThreadPool& pool) {
  std::vector<Interval> values;
  for (const SumsMetric& metric : sums_metrics(options)) {
    values.push_back(bootstrap_difference({sums, other, columns_of(options)}, metric,
                                          {pool, bootstrap(options)}));
  }
  return named(values, options);
}

// Adds the rows of `more` to those of the same users; both ascend.
void merge(std::vector<UserIx>& users, std::vector<double>& sums, const StepServed& more,
           const std::vector<double>& more_sums) {
  const size_t columns = more_sums.size() / more.users.size();
  std::vector<UserIx> all;
  std::vector<double> added;
  std::ranges::set_union(users, more.users, std::back_inserter(all));
  added.reserve(all.size() * columns);
  size_t a = 0, b = 0;
  for (const UserIx user : all) {
    const bool in_a = a < users.size() && users[a] == user;
    const bool in_b = b < more.users.size() && more.users[b] == user;
    for (size_t c = 0; c < columns; ++c) {
      added.push_back((in_a ? sums[a * columns + c] : 0) + (in_b ? more_sums[b * columns + c] : 0));
    }
    a += in_a ? 1 : 0;
    b += in_b ? 1 : 0;
  }
  users = std::move(all);
  sums = std::move(added);
}

std::string day(TimeUs time) { return format_rfc3339(time).substr(0, 16); }

std::string cell(const Interval& value, bool with_sign = false) {
  return with_sign ? fmt::format("{:+.4f} [{:+.4f}, {:+.4f}]", value.mean, value.low, value.high)
                   : fmt::format("{:.4f} [{:.4f}, {:.4f}]", value.mean, value.low, value.high);
}

std::string metric_rows(const ReplayReport& report) {
  std::string out =
      "| model | metric | online | frozen | online less frozen | to the first model |\n"
      "|---|---|---:|---:|---:|---:|\n";
  for (const ReplayModel& model : report.models) {
    for (size_t i = 0; i < model.online.size(); ++i) {
      out += fmt::format("| {} | {}@{} | {} | {} | {} | {} |\n", model.kind, model.online[i].name,
                         model.online[i].k, cell(model.online[i].value),
                         cell(model.frozen[i].value), cell(model.gain[i].value, true),
                         model.to_first.empty() ? "" : cell(model.to_first[i].value, true));
    }
  }
  return out;
}

std::string step_rows(const ReplayReport& report) {
  const size_t ndcg = 2 * report.options.ks.size() - 1;  // at the longest k as they were given
  const size_t k = report.options.ks.back();
  std::string out = "| step | trained | users | requests |", rule = "|---|---|---:|---:|";
  for (const ReplayModel& model : report.models) {
    out += fmt::format(" {0} ndcg@{1} online | {0} frozen |", model.kind, k);
    rule += "---:|---:|";
  }
  out += "\n" + rule + "\n";
  for (size_t s = 0; s < report.models[0].points.size(); ++s) {
    const ReplayPoint& first = report.models[0].points[s];
    out += fmt::format("| {} | {} | {} | {} |", day(first.step.from),
                       first.step.trains ? "yes" : "", first.users, first.requests);
    for (const ReplayModel& model : report.models) {
      const ReplayPoint& point = model.points[s];
      out += point.requests == 0 ? std::string(" – | – |")
                                 : fmt::format(" {} | {} |", cell(point.online[ndcg].value),
                                               cell(point.frozen[ndcg].value));
    }
    out += '\n';
  }
  return out;
}

nlohmann::json json_of(const ReplayPoint& point) {
  return {{"from", format_rfc3339(point.step.from)},
          {"begin", point.step.begin},
          {"end", point.step.end},
          {"trains", point.step.trains},
          {"users", point.users},
          {"requests", point.requests},
          {"requests_fallback", point.requests_fallback},
          {"online", metrics_json(point.online)},
          {"frozen", metrics_json(point.frozen)}};
}

}  // namespace

void ReplayModel::add(const StepServed& served) {
  if (served.users.empty()) return;
  std::vector<UserIx> before = users;
  merge(users, online_sums, served, served.online);
  merge(before, frozen_sums, served, served.frozen);
}

ReplayPoint replay_point(const StepServed& served, const ReplayStep& step,
                         const ReplayOptions& options, ThreadPool& pool) {
  ReplayPoint point{.step = step,
                    .users = served.users.size(),
                    .requests = served.requests,
                    .requests_fallback = served.requests_fallback,
                    .online = {},
                    .frozen = {}};
  if (served.users.empty()) return point;
  point.online = means(served.online, options, pool);
  point.frozen = means(served.frozen, options, pool);
  return point;
}

void finish_replay(ReplayReport& report, ThreadPool& pool) {
  for (ReplayModel& model : report.models) {
    if (model.users.empty()) continue;
    model.online = means(model.online_sums, report.options, pool);
    model.frozen = means(model.frozen_sums, report.options, pool);
    model.gain = paired(model.frozen_sums, model.online_sums, report.options, pool);
    if (&model == report.models.data()) continue;
    model.to_first = paired(report.models[0].online_sums, model.online_sums, report.options, pool);
  }
}

std::string to_markdown(const ReplayReport& report) {
  const ReplayOptions& options = report.options;
  std::string text = fmt::format(
      "# Replay\n\n- {} steps of {} s; models learn anew every {} from what the log held then\n"
      "- each user's first {} new likes of a step are asked for, each just before it came: online "
      "from all that the log held, frozen from what the model was trained on\n"
      "- {} items, {} interactions; leak check {}\n"
      "- means over requests; intervals: 95 %, {} resamples of users, seed {}\n",
      report.models[0].points.size(), options.step_s, options.train_every, options.requests_max,
      report.items, report.interactions, report.leak_check, options.bootstrap_samples,
      options.seed);
  for (const ReplayModel& model : report.models) {
    uint64_t requests = 0, fallback = 0;
    for (const ReplayPoint& point : model.points) {
      requests += point.requests;
      fallback += point.requests_fallback;
    }
    text += fmt::format(
        "- {}: {} users, {} requests, {} of them without a history it knows; trained {} times in "
        "{:.2f} s, served in {:.2f} s\n",
        model.kind, model.users.size(), requests, fallback, model.trainings, model.train_s,
        model.serve_s);
  }
  text += fmt::format("\n## All steps\n\n{}\n## Over time\n\n{}", metric_rows(report),
                      step_rows(report));
  return text + "\nDefinitions: docs/evaluation.md\n";
}

std::string to_json(const ReplayReport& report) {
  const ReplayOptions& options = report.options;
  nlohmann::json json{
      {"format", "palate-replay"},
      {"version", 1},
      {"step_s", options.step_s},
      {"train_every", options.train_every},
      {"requests_max", options.requests_max},
      {"ks", options.ks},
      {"bootstrap", {{"samples", options.bootstrap_samples}, {"seed", options.seed}}},
      {"leak_check", report.leak_check},
      {"items", report.items},
      {"interactions", report.interactions},
      {"models", nlohmann::json::array()}};
  for (const ReplayModel& model : report.models) {
    nlohmann::json points = nlohmann::json::array();
    for (const ReplayPoint& point : model.points) points.push_back(json_of(point));
    json["models"].push_back({{"kind", model.kind},
                              {"users", model.users.size()},
                              {"trainings", model.trainings},
                              {"seconds", {{"train", model.train_s}, {"serve", model.serve_s}}},
                              {"online", metrics_json(model.online)},
                              {"frozen", metrics_json(model.frozen)},
                              {"gain", metrics_json(model.gain)},
                              {"to_first", metrics_json(model.to_first)},
                              {"steps", points}});
  }
  return json.dump(2);
}

}  // namespace palate
