#include "events/source_probe.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "events/event_row.h"
#include "events/record_chunks.h"

namespace palate {
namespace {

std::string extension_of(const Path& path) {
  Path name = path.filename();
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  return name.extension().string();
}

SourceFormat guess_format(const Path& path, std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return SourceFormat::kJsonLines;
  const std::string extension = extension_of(path);
  if (extension == ".csv") return SourceFormat::kCsv;
  if (extension == ".tsv" || extension == ".tab") return SourceFormat::kTsv;
  if (line.find("::") != std::string_view::npos) return SourceFormat::kDat;
  if (line.find('\t') != std::string_view::npos) return SourceFormat::kTsv;
  if (line.find_first_of(",;|") != std::string_view::npos) return SourceFormat::kCsv;
  return SourceFormat::kLists;
}

Dialect dialect_of(const ColumnMapping& mapping, SourceFormat format, std::string_view text) {
  switch (format) {
    case SourceFormat::kTsv:
      return {'\t', false, false};
    case SourceFormat::kDat:
      return {':', true, false};
    case SourceFormat::kCsv: {
      const std::string_view line = text.substr(0, text.find('\n'));
      char delimiter = mapping.delimiter;
      for (char candidate : {',', ';', '|'}) {
        if (delimiter == 0 && line.find(candidate) != std::string_view::npos) delimiter = candidate;
      }
      return {delimiter == 0 ? ',' : delimiter, false, mapping.quotes};
    }
    default:
      return {'\n', false, false};  // rows are lines
  }
}

std::vector<std::string> strings(const RowSplitter::Row& row) {
  return {row.cells.begin(), row.cells.end()};
}

// Header and first row of a table.
Status probe_table(RecordKind kind, const ColumnMapping& mapping, TextSource& source,
                   SourceProbe& probe) {
  const std::string_view text = TRY(source.peek());
  Arena arena;
  RowSplitter splitter(text, probe.dialect, arena);
  RowSplitter::Row row;
  const bool more = splitter.next(row);
  if (!mapping.names.empty()) {
    probe.names = mapping.names;
    if (more && row.reason == Reason::kNone) probe.first_row = strings(row);
    return {};
  }
  if (!more) {
    return fail(Code::kInvalidArgument, "{} is empty: it has no header and no row",
                source.path().string());
  }
  if (row.reason != Reason::kNone) {
    return fail(Code::kInvalidArgument, "{}: the first row cannot be read: {}",
                source.path().string(), reason_info(row.reason).sentence);
  }
  const std::vector<std::string> first = strings(row);
  bool header = mapping.header == Header::kYes;
  if (mapping.header == Header::kAuto) {
    header = looks_like_header(kind, first) ||
             std::ranges::any_of(mapping.columns, [&](const auto& pair) {
               return std::ranges::count(first, pair.second) > 0;
             });
  }
  if (!header) {
    for (size_t i = 1; i <= first.size(); ++i) probe.names.push_back(fmt::format("#{}", i));
    probe.first_row = first;
    return {};
  }
  probe.names = first;
  probe.header_lines = splitter.lines();
  const auto rest = static_cast<size_t>(row.text.data() + row.text.size() - text.data());
  const size_t feed = text.find('\n', rest);
  if (splitter.next(row)) probe.first_row = strings(row);
  source.skip(feed == std::string_view::npos ? text.size() : feed + 1);
  return {};
}

bool our_field(RecordKind kind, std::string_view name) {
  constexpr std::array<std::string_view, 13> kItems = {
      "id",      "titles",   "descriptions", "categories", "tags",       "languages", "regions",
      "creator", "released", "expires",      "hidden",     "attributes", "vectors"};
  constexpr std::array<std::string_view, 7> kUsers = {
      "id", "region", "language", "age_band", "attributes", "survey", "personalization"};
  if (kind == RecordKind::kEvents) return std::ranges::count(kEventFieldNames, name) > 0;
  return kind == RecordKind::kItems ? std::ranges::count(kItems, name) > 0
                                    : std::ranges::count(kUsers, name) > 0;
}

Status probe_json(RecordKind kind, const ColumnMapping& mapping, TextSource& source,
                  SourceProbe& probe) {
  const std::string_view text = TRY(source.peek());
  if (mapping.own_form || !mapping.names.empty()) {
    probe.ours = mapping.own_form;
    probe.names = mapping.names;
    return {};
  }
  const std::string_view line = text.substr(0, text.find('\n'));
  std::vector<std::pair<std::string, std::string>> cells;
  const bool readable = flatten_json(line, mapping.list_separator, cells);
  for (auto& [name, value] : cells) {
    probe.names.push_back(name);
    probe.first_row.push_back(value);
  }
  // A first line that is no object is refused with the others, in our own form.
  probe.ours = mapping.columns.empty() &&
               (!readable || std::ranges::all_of(probe.names, [&](const std::string& name) {
                 return our_field(kind, name);
               }));
  return {};
}

// A first line with a zero byte is of a spreadsheet, a program or UTF-16. (Later lines are refused
// one by one.)
Status check_is_text(const Path& path, std::string_view text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return fail(Code::kInvalidArgument,
                "{0} is UTF-16; make it UTF-8 first: iconv -f UTF-16 -t UTF-8 {0} > utf8-{1}",
                path.string(), path.filename().string());
  }
  if (text.substr(0, text.find('\n')).find('\0') == std::string_view::npos) return {};
  return fail(Code::kInvalidArgument,
              "{} is no text: it holds zero bytes. CSV, TSV, JSON lines, lists of ids and Parquet "
              "are read, plain or packed with gzip or zstd",
              path.string());
}

}  // namespace

Result<SourceProbe> probe_source(RecordKind kind, const ColumnMapping& mapping,
                                 TextSource& source) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view text = TRY(source.peek());
  TRY(check_is_text(source.path(), text));
  if (text.starts_with(kByteOrderMark)) {
    source.skip(kByteOrderMark.size());
    text.remove_prefix(kByteOrderMark.size());
  }
  SourceProbe probe;
  probe.format =
      mapping.format == SourceFormat::kAuto ? guess_format(source.path(), text) : mapping.format;
  probe.dialect = dialect_of(mapping, probe.format, text);
  if (probe.format == SourceFormat::kJsonLines) {
    TRY(probe_json(kind, mapping, source, probe));
  } else if (probe.format != SourceFormat::kLists) {
    TRY(probe_table(kind, mapping, source, probe));
  }
  return probe;
}

}  // namespace palate
