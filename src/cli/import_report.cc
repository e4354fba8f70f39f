#include "cli/import_report.h"

#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/print.h"

namespace palate {
namespace {

std::string_view kind_name(RecordKind kind) {
  if (kind == RecordKind::kItems) return "items";
  return kind == RecordKind::kUsers ? "users" : "events";
}

std::string columns_text(const SourceInfo& info) {
  constexpr size_t kShown = 10;
  if (info.format == SourceFormat::kLists) return "lines of 'user item item …'";
  if (info.columns.empty()) return "our own JSON";
  std::string text;
  for (size_t i = 0; i < std::min(info.columns.size(), kShown); ++i) {
    const auto& [field, column] = info.columns[i];
    text += fmt::format("{}{}={}", i == 0 ? "" : ",", field, column);
  }
  if (info.columns.size() > kShown)
    text += fmt::format(" and {} more", info.columns.size() - kShown);
  return text;
}

struct Example {
  std::string file, message;
  uint64_t line = 0;
};

// The first refused row of each reason, as far as a look at the quarantine's beginning finds them.
std::map<std::string, Example> first_examples(const ImportSummary& summary) {
  constexpr size_t kLinesMax = 50'000;
  std::map<std::string, Example> found;
  std::ifstream lines(summary.quarantine);
  std::string line;
  for (size_t i = 0; i < kLinesMax && found.size() < summary.rejected.size(); ++i) {
    if (!std::getline(lines, line)) break;
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (!row.is_object() || row.contains("recipe")) continue;
    const Example example{row.value("file", ""), row.value("message", ""), row.value("line", 0ul)};
    found.emplace(row.value("reason", ""), example);
  }
  return found;
}

void print_refused(const ImportSummary& summary) {
  const auto examples = first_examples(summary);
  for (const auto& [reason, rows] : summary.rejected) {
    std::string text = fmt::format("  {} refused: {}", human_count(rows), reason);
    if (const auto found = examples.find(reason); found != examples.end()) {
      const Example& example = found->second;
      text += fmt::format(", first {}:{}: {}", example.file, example.line, example.message);
    }
    print_line(text);
  }
  if (!summary.quarantine.empty())
    print_line(fmt::format("  they are in {}", summary.quarantine.string()));
}

std::string_view time_word(TimeKind time) {
  if (time == TimeKind::kReal) return "real";
  return time == TimeKind::kOrder ? "order" : "none";
}

}  // namespace

Result<SourceInfo> understand(RecordKind kind, const ImportFile& file, const EventTypes& types) {
  if (kind == RecordKind::kItems) return TRY(open_items(file.path, file.mapping)).info();
  if (kind == RecordKind::kUsers) return TRY(open_users(file.path, file.mapping)).info();
  return TRY(open_events(file.path, file.mapping, types)).info();
}

std::string describe(RecordKind kind, const ImportFile& file, const SourceInfo& info) {
  std::string text =
      fmt::format("{} of {}: {}", kind_name(kind), file.path.string(), columns_text(info));
  if (kind != RecordKind::kEvents) return text;
  if (!info.default_type.empty()) text += "; type " + info.default_type;
  if (info.time == TimeKind::kNone) text += "; no time";
  const bool tellable = info.format != SourceFormat::kLists && !file.mapping.time_given;
  if (info.time == TimeKind::kNone && tellable)
    text += " (name its column: --import.map ts=<column>)";
  return text;
}

nlohmann::ordered_json describe_json(RecordKind kind, const ImportFile& file,
                                     const SourceInfo& info) {
  nlohmann::ordered_json columns = nlohmann::ordered_json::object();
  for (const auto& [field, column] : info.columns) columns[field] = column;
  nlohmann::ordered_json json{{"kind", kind_name(kind)}, {"file", file.path.string()}};
  json["columns"] = columns;
  if (kind == RecordKind::kEvents) {
    json["type"] = info.default_type;
    json["time"] = time_word(info.time);
  }
  return json;
}

void print_summary(std::string_view what, size_t files, const ImportSummary& summary) {
  if (files == 0) return;
  if (summary.rows == 0 && summary.sources_known == 0) {
    print_line(fmt::format("{}: none; there is no row", what));
    return;
  }
  std::string line = fmt::format("{}: {} new", what, human_count(summary.accepted));
  if (summary.duplicates > 0)
    line += fmt::format(", {} known already", human_count(summary.duplicates));
  if (summary.sources_known > 0) {
    line += fmt::format(", {} {} imported before", summary.sources_known,
                        summary.sources_known == 1 ? "file" : "files");
  }
  line += fmt::format(" ({}, {} rows/s)", human_seconds(summary.seconds),
                      human_count(static_cast<uint64_t>(summary.rows_per_s())));
  if (summary.fold_seconds > 0.1)
    line += fmt::format(", folding {}", human_seconds(summary.fold_seconds));
  print_line(line);
  print_refused(summary);
}

namespace {

nlohmann::ordered_json set_aside_json(const ImportSummary& summary) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const SetAside& batch : summary.set_aside) {
    list.push_back({{"id", batch.id}, {"path", batch.path.string()}, {"reasons", batch.reasons}});
  }
  return list;
}

}  // namespace

nlohmann::ordered_json summary_json(const ImportSummary& summary) {
  return {{"rows", summary.rows},
          {"accepted", summary.accepted},
          {"duplicates", summary.duplicates},
          {"rejected", summary.rejected_total()},
          {"reasons", summary.rejected},
          {"sources_known", summary.sources_known},
          {"quarantine", summary.quarantine.string()},
          {"set_aside", set_aside_json(summary)},
          {"seconds", summary.seconds},
          {"read_seconds", summary.read_seconds},
          {"log_seconds", summary.log_seconds},
          {"fold_seconds", summary.fold_seconds},
          {"rows_per_s", summary.rows_per_s()}};
}

Status check_some_accepted(std::string_view what, const ImportSummary& summary) {
  const uint64_t refused = summary.rejected_total();
  if (refused == 0 || summary.accepted > 0 || summary.duplicates > 0) return {};
  return fail(Code::kInvalidArgument,
              "every row of the {} was refused ({}); nothing of them was imported. The reasons are "
              "in {}, and what columns and times may look like in docs/import.md",
              what, refused, summary.quarantine.string());
}

Status check_none_set_aside(const ImportSummary& summary) {
  if (summary.set_aside.empty()) return {};
  std::vector<std::string> files;
  for (const SetAside& batch : summary.set_aside) {
    files.push_back(fmt::format("{} ({})", batch.path.string(), fmt::join(batch.reasons, "; ")));
  }
  return fail(Code::kConflict,
              "unlike what came before, so set aside, and nothing of it was imported: {}. Look at "
              "it, then: palate quarantine release {}, or import it with --no-screen",
              fmt::join(files, ", "), summary.set_aside.front().id);
}

}  // namespace palate
