// A replay as one page: what each model was worth, step by step.
#include <algorithm>

#include "evaluate/replay_report.h"
#include "evaluate/report_page.h"

namespace palate {
namespace {

constexpr double kLeft = 60, kWidth = 640, kTop = 34, kHeight = 240;

// Where a metric's curve runs: steps from left to right, values from 0 up.
struct Plot {
  size_t metric;  // place among those of a point
  size_t steps;
  double top = 0;
  [[nodiscard]] double x(size_t step) const {
    return kLeft + kWidth * (static_cast<double>(step) + 0.5) / static_cast<double>(steps);
  }
  [[nodiscard]] double y(double value) const {
    return kTop + kHeight * (1 - std::clamp(value / top, 0.0, 1.0));
  }
};

using Values = std::vector<MetricValue> ReplayPoint::*;

double highest(const ReplayReport& report, size_t metric) {
  double top = 1e-9;
  for (const ReplayModel& model : report.models) {
    for (const ReplayPoint& point : model.points) {
      if (point.requests == 0) continue;
      top = std::max({top, point.online[metric].value.high, point.frozen[metric].value.high});
    }
  }
  return top;
}

// A line through the steps that had requests.
std::string curve(const ReplayModel& model, Values values, const Plot& plot,
                  std::string_view style) {
  std::string points;
  for (size_t s = 0; s < model.points.size(); ++s) {
    if (model.points[s].requests == 0) continue;
    points += fmt::format("{:.1f},{:.1f} ", plot.x(s),
                          plot.y((model.points[s].*values)[plot.metric].value.mean));
  }
  return fmt::format("<polyline points='{}' style='fill:none;stroke-width:2;{}'/>", points, style);
}

std::string bars(const ReplayModel& model, const Plot& plot, std::string_view color) {
  std::string out;
  for (size_t s = 0; s < model.points.size(); ++s) {
    if (model.points[s].requests == 0) continue;
    const Interval& v = model.points[s].online[plot.metric].value;
    out += fmt::format(
        "<line x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}' "
        "style='stroke:var({3});stroke-width:3;opacity:.35'/><circle cx='{0:.1f}' cy='{4:.1f}' r=4 "
        "style='fill:var({3})'><title>{5}: {6:.4f} ({7:.4f} to {8:.4f})</title></circle>",
        plot.x(s), plot.y(v.low), plot.y(v.high), color, plot.y(v.mean),
        format_rfc3339(model.points[s].step.from), v.mean, v.low, v.high);
  }
  return out;
}

std::string axes(const ReplayReport& report, const Plot& plot) {
  std::string out;
  for (const double share : {0.0, 0.5, 1.0}) {
    out += fmt::format(
        "<line class=axis x1='{0:.0f}' x2='{1:.0f}' y1='{2:.1f}' y2='{2:.1f}'/><text class=soft "
        "x='{3:.0f}' y='{4:.1f}' text-anchor=end>{5:.3g}</text>",
        kLeft, kLeft + kWidth, plot.y(share * plot.top), kLeft - 6, plot.y(share * plot.top) + 4,
        share * plot.top);
  }
  const auto& points = report.models[0].points;
  for (const size_t s : {size_t{0}, points.size() - 1}) {
    out += fmt::format("<text class=soft x='{:.1f}' y='{:.0f}' text-anchor=middle>{}</text>",
                       plot.x(s), kTop + kHeight + 18,
                       format_rfc3339(points[s].step.from).substr(0, 10));
    if (points.size() == 1) break;
  }
  for (size_t s = 0; s < points.size(); ++s) {
    if (!points[s].step.trains) continue;
    out += fmt::format("<line class=axis x1='{0:.1f}' x2='{0:.1f}' y1='{1:.0f}' y2='{2:.0f}'/>",
                       plot.x(s) - kWidth / static_cast<double>(2 * points.size()),
                       kTop + kHeight - 6, kTop + kHeight);
  }
  return out;
}

std::string over_time(const ReplayReport& report, size_t metric) {
  const MetricValue& named = report.models[0].online[metric];
  const Plot plot{metric, report.models[0].points.size(), highest(report, metric)};
  std::string out = fmt::format(
      "<svg viewBox='0 0 760 300' role=img aria-label='{0}@{1} over time'><text x=0 y=16>{0}@{1} "
      "(line: online, dashed: frozen)</text>{2}",
      named.name, named.k, axes(report, plot));
  for (size_t m = 0; m < report.models.size(); ++m) {
    const std::string_view color = page_color(m);
    out += curve(report.models[m], &ReplayPoint::frozen, plot,
                 fmt::format("stroke:var({});stroke-dasharray:5 4;opacity:.7", color));
    out +=
        curve(report.models[m], &ReplayPoint::online, plot, fmt::format("stroke:var({})", color));
    out += bars(report.models[m], plot, color);
    out += fmt::format("<text x='{:.0f}' y=16 style='fill:var({})'>{}</text>",
                       320 + 110 * static_cast<double>(m), color, escaped(report.models[m].kind));
  }
  return out + "</svg>";
}

std::string table(const ReplayReport& report) {
  std::string out =
      "<div class=wide><table><tr><th>model</th><th>metric</th><th>online</th><th>frozen</th>"
      "<th>online less frozen</th><th>to the first model</th></tr>";
  const auto cell = [](const Interval& v) {
    const bool clear = v.low > 0 || v.high < 0;
    return fmt::format("<td{}>{:.4f} <small>{:.4f} to {:.4f}</small></td>",
                       clear ? " class=clear" : "", v.mean, v.low, v.high);
  };
  for (const ReplayModel& model : report.models) {
    for (size_t i = 0; i < model.online.size(); ++i) {
      out += fmt::format("<tr><td>{}</td><td>{}@{}</td>{}{}{}{}</tr>", escaped(model.kind),
                         model.online[i].name, model.online[i].k, cell(model.online[i].value),
                         cell(model.frozen[i].value), cell(model.gain[i].value),
                         model.to_first.empty() ? "<td></td>" : cell(model.to_first[i].value));
    }
  }
  return out + "</table></div>";
}

}  // namespace

std::string to_html(const ReplayReport& report) {
  const ReplayOptions& options = report.options;
  std::string out = page_head("Replay");
  out += fmt::format(
      "<ul><li>{} steps of {} s; models learn anew every {} from what the log held then (ticks on "
      "the axis)</li><li>each user's first {} new likes of a step are asked for, each just before "
      "it came: online from all that the log held, frozen from what the model was trained on</li>"
      "<li>{} items, {} interactions; leak check {}</li><li>means over requests; 95 % intervals, "
      "{} "
      "resamples of users, seed {}</li></ul>",
      report.models[0].points.size(), options.step_s, options.train_every, options.requests_max,
      report.items, report.interactions, escaped(report.leak_check), options.bootstrap_samples,
      options.seed);
  const size_t ks = options.ks.size();
  out += over_time(report, 2 * ks - 1) + over_time(report, ks - 1);
  out += "<h2>All steps</h2>" + table(report);
  return out + "<p><small>Definitions: docs/evaluation.md</small></p></html>\n";
}

}  // namespace palate
