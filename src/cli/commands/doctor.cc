#include "operate/doctor.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"

namespace palate {
namespace {

size_t count(const std::vector<Finding>& findings, Health health) {
  return static_cast<size_t>(std::ranges::count(findings, health, &Finding::health));
}

void print_findings(const std::vector<Finding>& findings) {
  size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.name.size());
  std::string area;
  for (const Finding& finding : findings) {
    if (finding.area != area) print_line(area = finding.area);
    const char* mark = finding.health == Health::kGood ? "  ok  " : "  !!  ";
    print_line(fmt::format("{}{:<{}}  {}", mark, finding.name, width, finding.found));
    if (!finding.advice.empty()) {
      print_line(fmt::format("      {:<{}}  {}: {}", "", width, health_name(finding.health),
                             finding.advice));
    }
  }
  print_line(fmt::format("{} good, {} warnings, {} bad", count(findings, Health::kGood),
                         count(findings, Health::kWarning), count(findings, Health::kBad)));
}

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"area", finding.area},
                    {"name", finding.name},
                    {"health", health_name(finding.health)},
                    {"found", finding.found},
                    {"advice", finding.advice}});
  }
  return {{"ok", count(findings, Health::kBad) == 0}, {"findings", list}};
}

Status doctor(Context& context, bool measure_disk) {
  const ServeConfig& serve = context.settings.serve;
  const auto findings =
      examine({.data = context.settings.data.dir,
               .tenant = {context.settings.data.tenant},
               .serve = {serve.host, serve.port, serve.threads, serve.connections_max},
               .settings_file = context.settings_file,
               .measure_disk = measure_disk});
  if (context.json)
    print_json(findings_json(findings));
  else
    print_findings(findings);
  if (const size_t bad = count(findings, Health::kBad); bad > 0) {
    return fail(Code::kUnavailable, "{} of these must be put right first", bad);
  }
  return {};
}

}  // namespace

Command doctor_command() {
  return {"doctor", "What may keep palate from running well on this machine, and what to do",
          "Looks at processor, memory, disk, limits, clock, settings and the data directory.\n"
          "Ends with 0 unless something is bad (13); warnings are advice.\n\n"
          "Examples:\n  palate doctor\n  palate doctor --data shop --no-disk --json",
          [](CommandFlags& command) {
            auto skip_disk = std::make_shared<bool>(false);
            command.add("--no-disk", *skip_disk,
                        "Do not measure the disk (it writes 32 MiB and removes them)");
            return std::function<Status(Context&)>(
                [skip_disk](Context& context) { return doctor(context, !*skip_disk); });
          }};
}

}  // namespace palate
