#include "evaluate/training_curves.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "evaluate/report_page.h"

namespace palate {
namespace {

constexpr std::string_view kEnding = "_by_epoch";
constexpr double kLeft = 80, kWidth = 640, kTop = 30, kHeight = 160, kPlot = 230;

std::string title_of(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

void collect(const nlohmann::json& part, const std::string& before,
             std::vector<TrainingCurve>& curves) {
  for (const auto& [key, value] : part.items()) {
    if (value.is_object()) collect(value, before + title_of(key) + " ", curves);
    const bool numbers =
        value.is_array() && !value.empty() &&
        std::ranges::all_of(value, [](const auto& number) { return number.is_number(); });
    if (!numbers || !key.ends_with(kEnding)) continue;
    curves.push_back({before + title_of(key.substr(0, key.size() - kEnding.size())),
                      value.get<std::vector<double>>()});
  }
}

// One plot at `top` of an SVG.
std::string plot(const TrainingCurve& curve, double top, std::string_view style) {
  const auto [low, high] = std::ranges::minmax(curve.by_epoch);
  const double span = high > low ? high - low : 1;
  const size_t last = curve.by_epoch.size() - 1;
  const auto x = [&](size_t epoch) {
    return kLeft +
           (last == 0 ? 0 : kWidth * static_cast<double>(epoch) / static_cast<double>(last));
  };
  const auto y = [&](double value) { return top + kTop + kHeight * (1 - (value - low) / span); };
  std::string points;
  for (size_t epoch = 0; epoch <= last; ++epoch) {
    points += fmt::format("{:.1f},{:.1f} ", x(epoch), y(curve.by_epoch[epoch]));
  }
  std::string out = fmt::format(
      "<text x='0' y='{:.0f}'>{} by epoch: {:.6g} after {}</text>"
      "<polyline points='{}' style='fill:none;stroke-width:2;{}'/>",
      top + 16, escaped(curve.name), curve.by_epoch.back(), last + 1, points, style);
  for (const double value : {low, high}) {
    out += fmt::format(
        "<text class='soft' x='{:.0f}' y='{:.1f}' text-anchor='end'>{:.4g}</text>"
        "<line class='axis' x1='{:.0f}' x2='{:.0f}' y1='{:.1f}' y2='{:.1f}'/>",
        kLeft - 6, y(value) + 4, value, kLeft, kLeft + kWidth, y(value), y(value));
    if (low == high) break;
  }
  for (const size_t epoch : {size_t{0}, last}) {
    out += fmt::format("<text class='soft' x='{:.0f}' y='{:.0f}' text-anchor='middle'>{}</text>",
                       x(epoch), top + kTop + kHeight + 18, epoch + 1);
    if (last == 0) break;
  }
  return out;
}

Result<std::vector<TrainingCurve>> some_curves(std::string_view model,
                                               std::string_view metrics_json) {
  auto curves = training_curves(metrics_json);
  if (!curves.empty()) return curves;
  return fail(Code::kUnavailable, "{} keeps no curves: its training has no epochs", model);
}

}  // namespace

std::vector<TrainingCurve> training_curves(std::string_view metrics_json) {
  std::vector<TrainingCurve> curves;
  const auto metrics = nlohmann::json::parse(metrics_json, nullptr, false);
  if (metrics.is_object()) collect(metrics, "", curves);
  return curves;
}

Result<std::string> draw_training(std::string_view model, std::string_view metrics_json) {
  const auto curves = TRY(some_curves(model, metrics_json));
  std::string out = page_head(fmt::format("Training of {}", model));
  for (size_t i = 0; i < curves.size(); ++i) {
    out += fmt::format("<svg viewBox='0 0 760 {:.0f}' role=img aria-label='{}'>{}</svg>", kPlot,
                       escaped(curves[i].name),
                       plot(curves[i], 0, fmt::format("stroke:var({})", page_color(i))));
  }
  return out + "</html>\n";
}

Result<std::string> draw_training_svg(std::string_view model, std::string_view metrics_json) {
  const auto curves = TRY(some_curves(model, metrics_json));
  std::string out = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 760 {:.0f}'>"
      "<style>text{{font:12px sans-serif}}.soft{{fill:#6a7078}}.axis{{stroke:#d9dde2}}</style>",
      kPlot * static_cast<double>(curves.size()));
  for (size_t i = 0; i < curves.size(); ++i) {
    out += plot(curves[i], kPlot * static_cast<double>(i), "stroke:#2f6fdb");
  }
  return out + "</svg>\n";
}

}  // namespace palate
