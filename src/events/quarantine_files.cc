#include "events/quarantine_files.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "events/quarantine.h"

namespace palate {
namespace {

constexpr std::string_view kSuffix = ".jsonl";
constexpr int kFilesMax = 100'000;

Result<RecordKind> kind_from(std::string_view name) {
  for (const RecordKind kind : {RecordKind::kEvents, RecordKind::kItems, RecordKind::kUsers}) {
    if (name_of(kind) == name) return kind;
  }
  return fail(Code::kCorrupt, "'{}' is no kind of record", name);
}

QuarantineSummary summarize(const Path& path) {
  QuarantineSummary summary;
  summary.id = path.stem().string();
  summary.path = path;
  std::error_code ignored;
  summary.bytes = std::filesystem::file_size(path, ignored);
  bool has_recipe = false;
  const Status read = read_quarantine(path, [&](const QuarantineLine& line) -> Status {
    if (line.recipe) {
      has_recipe = true;
      return {};
    }
    ++summary.rows;
    ++summary.reasons[line.row.reason];
    summary.source = line.row.source;
    if (!has_recipe) summary.can_be_replayed = false;
    return {};
  });
  if (!read) summary.damage = read.error().message;
  return summary;
}

}  // namespace

Result<QuarantineLine> parse_quarantine_line(std::string_view text) {
  try {
    const auto json = nlohmann::json::parse(text);
    QuarantineLine line;
    if (json.contains("recipe")) {
      const auto& recipe = json.at("recipe");
      line.recipe = {TRY(kind_from(recipe.at("kind").get<std::string>())),
                     TRY(mapping_from_json(recipe.at("mapping").dump()))};
      return line;
    }
    QuarantinedRow& row = line.row;
    row.source = json.value("source", "");
    row.file = json.value("file", "");
    row.line = json.value("line", uint64_t{0});
    row.reason = json.at("reason").get<std::string>();
    row.message = json.value("message", "");
    row.cut = json.value("cut", false);
    row.bytes = json.contains("bytes_base64")
                    ? TRY(from_base64(json.at("bytes_base64").get<std::string>()))
                    : json.at("bytes").get<std::string>();
    row.json = text;
    return line;
  } catch (const nlohmann::json::exception& error) {
    return fail(Code::kCorrupt, "{}", error.what());
  }
}

Status read_quarantine(const Path& path, const std::function<Status(QuarantineLine)>& visit) {
  const MappedFile file = TRY(MappedFile::open(path));
  std::string_view text = file.text();
  for (uint64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    auto parsed = parse_quarantine_line(line);
    if (!parsed) {
      return fail(parsed.error().code, "{}:{}: {}", path.string(), number, parsed.error().message);
    }
    TRY(visit(std::move(*parsed)));
  }
  return {};
}

Result<std::vector<QuarantineSummary>> list_quarantine(const Path& folder) {
  std::vector<QuarantineSummary> all;
  std::error_code error;
  auto entry = std::filesystem::directory_iterator(folder, error);
  for (int i = 0; !error && entry != std::filesystem::directory_iterator(); ++i) {
    if (i == kFilesMax) return fail(Code::kOverloaded, "{}: too many files", folder.string());
    const Path path = entry->path();
    entry.increment(error);
    if (path.extension() == kSuffix) all.push_back(summarize(path));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(Code::kIo, "cannot read {}: {}", folder.string(), error.message());
  }
  std::ranges::sort(all, {}, &QuarantineSummary::id);
  return all;
}

Result<Path> find_quarantine(const Path& folder, const std::string& id) {
  if (id.empty() || id.find('/') != std::string::npos) {
    return fail(Code::kInvalidArgument, "'{}' is no id; palate quarantine list shows them", id);
  }
  Path path = folder / (id + std::string(kSuffix));
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  return fail(Code::kNotFound,
              "there is no '{}' in quarantine; palate quarantine list shows what is", id);
}

}  // namespace palate
