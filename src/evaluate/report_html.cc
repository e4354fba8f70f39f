// A comparison as one page that needs nothing else: tables, plots as SVG, light and dark.
#include <algorithm>
#include <array>
#include <cmath>

#include "evaluate/report.h"
#include "evaluate/report_page.h"

namespace palate {
namespace {

std::string name_of(const MetricValue& metric) {
  return metric.k == 0 ? metric.name : fmt::format("{}@{}", metric.name, metric.k);
}

const MetricValue* find(std::span<const MetricValue> metrics, const std::string& name) {
  const auto at = std::ranges::find(metrics, name, name_of);
  return at == metrics.end() ? nullptr : &*at;
}

std::string cell(const MetricValue* metric) {
  if (metric == nullptr) return "<td>–</td>";
  const Interval& v = metric->value;
  if (v.low == v.high) return fmt::format("<td>{:.4f}</td>", v.mean);
  return fmt::format("<td>{:.4f} <small>{:.4f} to {:.4f}</small></td>", v.mean, v.low, v.high);
}

std::string head(const Comparison& comparison) {
  std::string out = "<tr><th>metric</th>";
  for (const Report& report : comparison.reports) {
    out += fmt::format("<th>{}</th>", escaped(report.kind));
  }
  return out + "</tr>";
}

using List = std::vector<MetricValue> Report::*;

std::string metric_table(const Comparison& comparison, List list) {
  std::vector<std::string> names;
  for (const Report& report : comparison.reports) {
    for (const MetricValue& metric : report.*list) {
      if (std::ranges::find(names, name_of(metric)) == names.end())
        names.push_back(name_of(metric));
    }
  }
  if (names.empty()) return "<p>Nothing to measure.</p>";
  std::string out = "<div class=wide><table>" + head(comparison);
  for (const std::string& name : names) {
    out += fmt::format("<tr><td>{}</td>", escaped(name));
    for (const Report& report : comparison.reports) out += cell(find(report.*list, name));
    out += "</tr>";
  }
  return out + "</table></div>";
}

// A number between `low` and `high` as a place on the plot.
struct Scale {
  double low, high;
  static constexpr double kLeft = 170, kWidth = 520;
  [[nodiscard]] double at(double value) const {
    const double span = high > low ? high - low : 1;
    return kLeft + kWidth * std::clamp((value - low) / span, 0.0, 1.0);
  }
};

struct Mark {
  std::string label;
  Interval value;
  std::string_view color;
};

// One row a mark: a dot with its interval.
std::string dot_plot(const std::string& title, const std::vector<Mark>& marks, bool from_zero) {
  constexpr double kRow = 24, kTop = 30;
  Scale scale{from_zero ? 0 : marks[0].value.low, marks[0].value.high};
  for (const Mark& mark : marks) {
    scale.low = std::min(scale.low, mark.value.low);
    scale.high = std::max(scale.high, mark.value.high);
  }
  const double height = kTop + kRow * static_cast<double>(marks.size()) + 24;
  std::string out = fmt::format(
      "<svg viewBox='0 0 760 {0:.0f}' role=img aria-label='{1}'><text x=0 y=16>{1}</text>", height,
      escaped(title));
  if (scale.low <= 0 && scale.high >= 0) {
    out += fmt::format("<line class=axis x1='{0:.1f}' x2='{0:.1f}' y1='24' y2='{1:.0f}'/>",
                       scale.at(0), height - 18);
  }
  for (size_t i = 0; i < marks.size(); ++i) {
    const double y = kTop + kRow * (static_cast<double>(i) + 0.5);
    const Interval& v = marks[i].value;
    out += fmt::format(
        "<text x=0 y='{0:.1f}'>{1}</text><line x1='{2:.1f}' x2='{3:.1f}' y1='{4:.1f}' y2='{4:.1f}' "
        "style='stroke:var({5});stroke-width:3;opacity:.45'/><circle cx='{6:.1f}' cy='{4:.1f}' r=5 "
        "style='fill:var({5})'/><text class=soft x=700 y='{0:.1f}'>{7:.4f}</text>",
        y + 4, escaped(marks[i].label), scale.at(v.low), scale.at(v.high), y, marks[i].color,
        scale.at(v.mean), v.mean);
  }
  return out +
         fmt::format(
             "<text class=soft x='{0:.0f}' y='{1:.0f}'>{2:.4g}</text><text class=soft x='{3:.0f}' "
             "y='{1:.0f}' text-anchor=end>{4:.4g}</text></svg>",
             Scale::kLeft, height - 4, scale.low, Scale::kLeft + Scale::kWidth, scale.high);
}

std::string plots(const Comparison& comparison) {
  const size_t k = std::ranges::max(comparison.reports[0].options.ks);
  std::string out;
  for (const char* name : {"ndcg", "recall", "coverage"}) {
    std::vector<Mark> marks;
    for (size_t m = 0; m < comparison.reports.size(); ++m) {
      const Report& report = comparison.reports[m];
      const MetricValue* metric = find(report.metrics, fmt::format("{}@{}", name, k));
      if (metric != nullptr) marks.push_back({report.kind, metric->value, page_color(m)});
    }
    if (!marks.empty()) out += dot_plot(fmt::format("{}@{}", name, k), marks, true);
  }
  return out;
}

std::string difference_part(const Comparison& comparison) {
  if (comparison.differences.empty()) return "";
  std::string out = fmt::format(
      "<h2>Difference to {}</h2><p>Paired over users: both are resampled with the same ones. An "
      "interval that leaves out 0 is a difference.</p>",
      escaped(comparison.reports[0].kind));
  for (const MetricValue& metric : comparison.differences[0].metrics) {
    if (metric.name != "ndcg" && metric.name != "recall" && metric.name != "rmse") continue;
    std::vector<Mark> marks;
    for (size_t d = 0; d < comparison.differences.size(); ++d) {
      const auto* of = find(comparison.differences[d].metrics, name_of(metric));
      if (of != nullptr)
        marks.push_back({comparison.differences[d].kind, of->value, page_color(d + 1)});
    }
    out += dot_plot(name_of(metric), marks, true);
  }
  return out;
}

std::string breakdown_part(const Comparison& comparison) {
  std::string out = "<h2>For whom, and for what</h2>";
  std::vector<std::string> parts;
  for (const Breakdown& part : comparison.reports[0].breakdowns) {
    if (std::ranges::find(parts, part.by) == parts.end()) parts.push_back(part.by);
  }
  for (const std::string& by : parts) {
    out += fmt::format("<div class=wide><table><tr><th>{}</th><th>number</th>", escaped(by));
    for (const Report& report : comparison.reports) {
      out += fmt::format("<th>{} recall</th><th>ndcg</th>", escaped(report.kind));
    }
    out += "</tr>";
    const auto& rows = comparison.reports[0].breakdowns;
    for (size_t row = 0; row < rows.size(); ++row) {
      if (rows[row].by != by) continue;
      out += fmt::format("<tr><td>{}</td><td>{}</td>", escaped(rows[row].group), rows[row].count);
      for (const Report& report : comparison.reports) {
        const Breakdown& of = report.breakdowns[row];
        out += fmt::format("<td>{:.4f}</td><td>{}</td>", of.recall,
                           by == "item popularity" ? "" : fmt::format("{:.4f}", of.ndcg));
      }
      out += "</tr>";
    }
    out += "</table></div>";
  }
  return out;
}

std::string seeds_part(const Comparison& comparison) {
  if (comparison.reports[0].seeds.empty()) return "";
  std::string out = fmt::format(
      "<h2>Over {} seeds of training</h2><p>On the same split: mean, standard deviation and range. "
      "The intervals elsewhere are over users, of the first seed.</p><div class=wide><table>{}",
      comparison.reports[0].seeds[0].means.size(), head(comparison));
  for (size_t i = 0; i < comparison.reports[0].seeds.size(); ++i) {
    const SeedSpread& first = comparison.reports[0].seeds[i];
    out += fmt::format("<tr><td>{}</td>", escaped(name_of({first.name, first.k, {}})));
    for (const Report& report : comparison.reports) {
      const auto at = std::ranges::find_if(report.seeds, [&](const SeedSpread& spread) {
        return spread.name == first.name && spread.k == first.k;
      });
      if (at == report.seeds.end()) {
        out += "<td>–</td>";
        continue;
      }
      const auto [low, high] = std::ranges::minmax(at->means);
      out += fmt::format("<td>{:.4f} ±{:.4f} <small>{:.4f} to {:.4f}</small></td>", at->mean(),
                         at->deviation(), low, high);
    }
    out += "</tr>";
  }
  return out + "</table></div>";
}

std::string gaps_part(const Comparison& comparison) {
  std::string out;
  for (const Report& report : comparison.reports) {
    for (const ExposureGap& gap : report.exposure_gaps) {
      out += fmt::format(
          "<h2>{}: exposure by {}</h2><p>{:.1f} % of the exposure of the first {} would have to "
          "move "
          "to be shared as training is.</p><div class=wide><table><tr><th>{}</th><th>exposed</th>"
          "<th>had</th></tr>",
          escaped(report.kind), escaped(gap.by), 100 * gap.gap, gap.k, escaped(gap.by));
      for (const ExposureGap::Group& group : gap.widest) {
        out += fmt::format("<tr><td>{}</td><td>{:.2f} %</td><td>{:.2f} %</td></tr>",
                           escaped(group.name), 100 * group.exposed, 100 * group.had);
      }
      out += "</table></div>";
    }
  }
  return out;
}

std::string fact_list(const Comparison& comparison) {
  const Report& first = comparison.reports[0];
  std::string out = fmt::format("<ul><li>{}</li>", escaped(first.split));
  if (first.test_file) out += fmt::format("<li>{}</li>", escaped(describe(*first.test_file)));
  out += fmt::format(
      "<li>{} users, {} relevant items of {}; {} users left out</li><li>95 % intervals, {} "
      "resamples "
      "of users, seed {}</li>",
      first.users, first.relevant, first.items, first.users_left_out,
      first.options.bootstrap_samples, first.options.seed);
  for (const Report& report : comparison.reports) {
    out += fmt::format("<li>{} {}: leak check {}; {} users without a history it knows</li>",
                       escaped(report.kind), escaped(report.version), escaped(report.leak_check),
                       report.users_fallback);
  }
  return out + "</ul>";
}

}  // namespace

std::string to_html(const Comparison& comparison) {
  std::string out = page_head("Evaluation");
  out += fact_list(comparison) + plots(comparison);
  out += "<h2>Metrics</h2>" + metric_table(comparison, &Report::metrics);
  const bool rated = std::ranges::any_of(
      comparison.reports, [](const Report& report) { return !report.ratings.empty(); });
  if (rated) out += "<h2>Rated rows</h2>" + metric_table(comparison, &Report::ratings);
  out += seeds_part(comparison) + difference_part(comparison);
  out += "<h2>Beyond accuracy</h2>" + metric_table(comparison, &Report::exposure);
  out += breakdown_part(comparison) + gaps_part(comparison);
  return out + "<p><small>Definitions: docs/evaluation.md</small></p></html>\n";
}

}  // namespace palate
