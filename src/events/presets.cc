#include "events/presets.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "events/source_probe.h"
#include "events/text_source.h"

namespace palate {
namespace {

constexpr std::array<std::string_view, 6> kPresets = {"auto",   "movielens", "goodbooks-10k",
                                                      "amazon", "lists",     "palate"};

// A file of a preset; `pattern` may hold one '*'.
struct KnownFile {
  std::string_view preset;
  RecordKind kind;
  std::string_view pattern;
  ColumnMapping (*mapping)();
};

ColumnMapping by_header() { return {}; }

ColumnMapping positional(SourceFormat format, std::map<std::string, std::string> columns) {
  ColumnMapping mapping;
  mapping.format = format;
  mapping.header = Header::kNo;
  mapping.columns = std::move(columns);
  return mapping;
}

ColumnMapping movielens_ratings(SourceFormat format) {
  auto mapping =
      positional(format, {{"user", "#1"}, {"item", "#2"}, {"value", "#3"}, {"ts", "#4"}});
  mapping.constants = {{"type", "rating"}};
  mapping.ts_unit = TimeUnit::kSeconds;
  return mapping;
}
ColumnMapping u_data() { return movielens_ratings(SourceFormat::kTsv); }
ColumnMapping ratings_dat() { return movielens_ratings(SourceFormat::kDat); }

ColumnMapping u_item() {
  constexpr std::array<std::string_view, 19> kGenres = {
      "",          "Action",   "Adventure",   "Animation", "Children's",
      "Comedy",    "Crime",    "Documentary", "Drama",     "Fantasy",
      "Film-Noir", "Horror",   "Musical",     "Mystery",   "Romance",
      "Sci-Fi",    "Thriller", "War",         "Western"};
  constexpr size_t kFirstGenreColumn = 6;
  auto mapping =
      positional(SourceFormat::kCsv, {{"id", "#1"}, {"titles", "#2"}, {"released", "#3"}});
  mapping.delimiter = '|';
  mapping.quotes = false;
  mapping.latin1 = true;
  for (size_t i = 1; i < kGenres.size(); ++i) {  // the first says that the genre is not known
    mapping.flags[fmt::format("#{}", kFirstGenreColumn + i)] = kGenres[i];
  }
  return mapping;
}

ColumnMapping movies_dat() {
  auto mapping =
      positional(SourceFormat::kDat, {{"id", "#1"}, {"titles", "#2"}, {"categories", "#3"}});
  mapping.latin1 = true;
  return mapping;
}

ColumnMapping u_user() {
  auto mapping = positional(SourceFormat::kCsv, {{"id", "#1"},
                                                 {"age_band", "#2"},
                                                 {"attributes.gender", "#3"},
                                                 {"attributes.occupation", "#4"},
                                                 {"attributes.zip", "#5"}});
  mapping.delimiter = '|';
  mapping.quotes = false;
  mapping.latin1 = true;
  return mapping;
}

ColumnMapping users_dat() {
  auto mapping = positional(SourceFormat::kDat, {{"id", "#1"},
                                                 {"attributes.gender", "#2"},
                                                 {"age_band", "#3"},
                                                 {"attributes.occupation", "#4"},
                                                 {"attributes.zip", "#5"}});
  mapping.latin1 = true;
  return mapping;
}

ColumnMapping lists() {
  ColumnMapping mapping;
  mapping.format = SourceFormat::kLists;
  return mapping;
}

constexpr auto kEvents = RecordKind::kEvents;
constexpr auto kItems = RecordKind::kItems;
constexpr auto kUsers = RecordKind::kUsers;

// In the order in which names are tried.
constexpr KnownFile kFiles[] = {
    {"movielens", kEvents, "u.data", u_data},
    {"movielens", kEvents, "ratings.dat", ratings_dat},
    {"movielens", kEvents, "ratings.csv", by_header},
    {"movielens", kEvents, "interactions.csv", by_header},
    {"movielens", kItems, "u.item", u_item},
    {"movielens", kItems, "movies.dat", movies_dat},
    {"movielens", kItems, "movies.csv", by_header},
    {"movielens", kItems, "items.csv", by_header},
    {"movielens", kUsers, "u.user", u_user},
    {"movielens", kUsers, "users.dat", users_dat},
    {"movielens", kUsers, "users.csv", by_header},
    {"movielens", kEvents, "u?.base", u_data},
    {"movielens", kEvents, "u?.test", u_data},
    {"goodbooks-10k", kEvents, "ratings.csv", by_header},
    {"goodbooks-10k", kEvents, "interactions.csv", by_header},
    {"goodbooks-10k", kItems, "books.csv", by_header},
    {"goodbooks-10k", kItems, "items.csv", by_header},
    {"amazon", kEvents, "reviews*.json", by_header},
    {"amazon", kEvents, "ratings*.csv", by_header},
    {"amazon", kItems, "meta_*.json", by_header},
    {"amazon", kItems, "meta_*.jsonl", by_header},
    {"lists", kEvents, "train.txt", lists},
    {"lists", kEvents, "sequences.txt", lists},
    {"lists", kEvents, "user_item.txt", lists},
    {"palate", kEvents, "events.jsonl", by_header},
    {"palate", kEvents, "events.csv", by_header},
    {"palate", kEvents, "events.parquet", by_header},
    {"palate", kItems, "items.jsonl", by_header},
    {"palate", kItems, "items.csv", by_header},
    {"palate", kItems, "items.parquet", by_header},
    {"palate", kUsers, "users.jsonl", by_header},
    {"palate", kUsers, "users.csv", by_header},
    {"palate", kUsers, "users.parquet", by_header},
    // What could be anything comes last, for "auto".
    {"amazon", kEvents, "*.json", by_header},
    {"amazon", kEvents, "*.jsonl", by_header},
    {"amazon", kEvents, "*.csv", by_header},
    {"lists", kEvents, "*.txt", lists},
};

bool same(std::string_view name, std::string_view pattern) {
  return std::ranges::equal(name, pattern, [](char c, char p) { return p == '?' || p == c; });
}

bool matches(std::string_view name, std::string_view pattern) {
  for (std::string_view ending : {".gz", ".zst"}) {
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
  }
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return same(name, pattern);
  return name.size() + 1 >= pattern.size() && name.starts_with(pattern.substr(0, star)) &&
         name.ends_with(pattern.substr(star + 1));
}

bool belongs(const KnownFile& file, std::string_view preset) {
  return preset == "auto" || file.preset == preset;
}

// Amazon's rating files have no header and came as user,item (2014) and as item,user (2018). An
// item is an ASIN: ten characters; a user's name is longer.
Result<ColumnMapping> amazon_ratings(const Path& path) {
  constexpr size_t kAsinBytes = 10;
  const auto source = TRY(TextSource::open(path));
  const SourceProbe probe = TRY(probe_source(RecordKind::kEvents, {}, *source));
  if (probe.format != SourceFormat::kCsv || probe.names.empty() || probe.names[0] != "#1") {
    return ColumnMapping{};
  }
  auto mapping = movielens_ratings(SourceFormat::kCsv);
  const auto& row = probe.first_row;
  if (row.size() < mapping.columns.size()) return ColumnMapping{};
  if (row[0].size() == kAsinBytes && row[1].size() > kAsinBytes) {
    std::swap(mapping.columns["user"], mapping.columns["item"]);
  }
  return mapping;
}

// `preset` is what the user said.
Result<PresetSource> source_of(const KnownFile& file, const Path& path, std::string_view preset) {
  // Any text may be called .txt: unless lists were asked for, its first bytes say what it is.
  if (preset == "auto" && file.pattern == "*.txt") return PresetSource{file.kind, path, {}};
  if (file.preset != "amazon") return PresetSource{file.kind, path, file.mapping()};
  if (file.kind == kEvents) return PresetSource{kEvents, path, TRY(amazon_ratings(path))};
  return PresetSource{file.kind, path, file.mapping()};
}

Result<std::vector<Path>> files_in(const Path& folder) {
  constexpr size_t kFilesMax = 10'000;
  std::vector<Path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (files.size() >= kFilesMax) break;
    if (at->is_regular_file(error)) files.push_back(at->path());
  }
  if (error) return std::unexpected(errno_error(error.value(), "read the folder", folder));
  std::ranges::sort(files);
  return files;
}

Result<std::optional<PresetSource>> find_kind(std::string_view preset, RecordKind kind,
                                              const std::vector<Path>& files) {
  for (const KnownFile& known : kFiles) {
    if (!belongs(known, preset) || known.kind != kind) continue;
    for (const Path& path : files) {
      if (!matches(path.filename().string(), known.pattern)) continue;
      return TRY(source_of(known, path, preset));
    }
  }
  return std::nullopt;
}

Result<std::vector<PresetSource>> one_file(std::string_view preset, const Path& path) {
  for (const KnownFile& known : kFiles) {
    if (belongs(known, preset) && matches(path.filename().string(), known.pattern)) {
      return std::vector{TRY(source_of(known, path, preset))};
    }
  }
  PresetSource source{kEvents, path, preset == "lists" ? lists() : ColumnMapping{}};
  if (preset == "amazon") source.mapping = TRY(amazon_ratings(path));
  return std::vector{std::move(source)};
}

}  // namespace

std::span<const std::string_view> preset_names() { return kPresets; }

Result<std::vector<PresetSource>> find_sources(std::string_view preset, const Path& path) {
  if (std::ranges::count(kPresets, preset) == 0) {
    return fail(Code::kInvalidArgument, "there is no preset '{}'; there are {}", preset,
                fmt::join(kPresets, ", "));
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return one_file(preset, path);
  const std::vector<Path> files = TRY(files_in(path));
  std::vector<PresetSource> found;
  for (RecordKind kind : {kItems, kUsers, kEvents}) {
    if (auto source = TRY(find_kind(preset, kind, files))) found.push_back(std::move(*source));
  }
  if (!found.empty() && found.back().kind == kEvents) return found;
  std::vector<std::string_view> wanted;
  for (const KnownFile& known : kFiles) {
    if (belongs(known, preset) && known.kind == kEvents) wanted.push_back(known.pattern);
  }
  return fail(Code::kNotFound, "{} has no file of events; the preset '{}' looks for {}",
              path.string(), preset, fmt::join(wanted, ", "));
}

}  // namespace palate
