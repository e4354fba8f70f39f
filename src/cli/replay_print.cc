#include "cli/replay_print.h"

#include "cli/print.h"

namespace palate {
namespace {

std::string cell(const Interval& value) {
  return fmt::format("{:.4f} ({:.4f} to {:.4f})", value.mean, value.low, value.high);
}

void print_steps(const ReplayReport& report) {
  const size_t ks = report.options.ks.size();
  const size_t ndcg = 2 * ks - 1;
  std::vector<std::string> heads{"step", "requests"};
  for (const ReplayModel& model : report.models) {
    heads.push_back(fmt::format("{} ndcg@{}", model.kind, report.options.ks.back()));
    heads.emplace_back("frozen");
  }
  std::vector<std::vector<std::string>> rows;
  for (size_t s = 0; s < report.models[0].points.size(); ++s) {
    const ReplayPoint& first = report.models[0].points[s];
    rows.push_back(
        {format_rfc3339(first.step.from).substr(0, 16) + (first.step.trains ? " trained" : ""),
         human_count(first.requests)});
    for (const ReplayModel& model : report.models) {
      const ReplayPoint& point = model.points[s];
      if (point.requests == 0) {
        rows.back().insert(rows.back().end(), {"", ""});
        continue;
      }
      rows.back().push_back(cell(point.online[ndcg].value));
      rows.back().push_back(fmt::format("{:.4f}", point.frozen[ndcg].value.mean));
    }
  }
  print_table(heads, rows);
}

}  // namespace

void print_replay(const ReplayReport& report) {
  print_line(fmt::format("{} steps of {} s, models trained every {}; leak check {}",
                         report.models[0].points.size(), report.options.step_s,
                         report.options.train_every, report.leak_check));
  print_steps(report);
  std::vector<std::vector<std::string>> rows;
  for (const ReplayModel& model : report.models) {
    for (size_t i = 0; i < model.online.size(); ++i) {
      rows.push_back({model.kind, fmt::format("{}@{}", model.online[i].name, model.online[i].k),
                      cell(model.online[i].value), cell(model.frozen[i].value),
                      cell(model.gain[i].value)});
    }
  }
  print_table({"model", "all steps", "online", "frozen", "online less frozen"}, rows);
}

}  // namespace palate
