#include "lake/lake_directory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <set>
#include <unordered_set>

#include "base/log.h"
#include "base/time.h"
#include "lake/tombstones.h"

namespace palate::lake {
namespace {

constexpr std::string_view kCurrent = "CURRENT";
constexpr std::string_view kStaging = "staging";
constexpr std::string_view kRetired = "retired";
constexpr size_t kCurrentBytesMax = 64;
constexpr size_t kEntriesMax = 10 * kFilesMax;  // of all folders together

std::string manifest_name(uint64_t number) { return fmt::format("manifest-{:06}.json", number); }

std::string name_of(const std::string& path) { return Path(path).filename().string(); }

// 0: a file that is no manifest.
uint64_t manifest_number(const Path& path) {
  constexpr std::string_view kPrefix = "manifest-";
  const std::string name = path.filename().string();
  uint64_t number = 0;
  if (name.starts_with(kPrefix)) {
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
  }
  return name == manifest_name(number) ? number : 0;
}

bool is_part(const Path& path) {
  return path.filename().string().starts_with("part-") && path.extension() == ".parquet";
}

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Every file below `folder`, by path.
Result<std::vector<Path>> files_below(const Path& folder) {
  std::vector<Path> found;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(folder, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->is_directory(error)) continue;
    found.push_back(entry->path());
    if (found.size() > kEntriesMax) {
      return fail(Code::kOverloaded, "{} holds more than {} files; remove what is not Palate's",
                  folder.string(), kEntriesMax);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return std::unexpected(errno_error(error.value(), "list", folder));
  }
  std::ranges::sort(found);
  return found;
}

// Removes what `wanted` does not name, and says in which folders that was.
Status remove_others(const std::vector<Path>& files, const std::set<Path>& wanted,
                     std::set<Path>& touched) {
  for (const Path& path : files) {
    if (wanted.contains(path)) continue;
    TRY(remove_file(path));
    touched.insert(path.parent_path());
  }
  return {};
}

// Manifests that are there, ascending.
Result<std::vector<uint64_t>> manifests_of(const Path& root) {
  std::vector<uint64_t> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root, error);
       !error && entry != std::filesystem::directory_iterator() && numbers.size() < kEntriesMax;
       entry.increment(error)) {
    if (const uint64_t number = manifest_number(entry->path())) numbers.push_back(number);
  }
  if (error) return std::unexpected(errno_error(error.value(), "list", root));
  std::ranges::sort(numbers);
  return numbers;
}

// Tombstones are written without the lock: only what nobody can be writing any more is a leftover.
void remove_old_temporaries(const Path& folder) {
  constexpr auto kOld = std::chrono::hours(1);
  std::vector<Path> old;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error);
       !error && entry != std::filesystem::directory_iterator() && old.size() < kEntriesMax;
       entry.increment(error)) {
    std::error_code unknown;
    const auto written = std::filesystem::last_write_time(entry->path(), unknown);
    const auto age = std::filesystem::file_time_type::clock::now() - written;
    if (!unknown && age > kOld && is_temporary_name(entry->path().filename().string())) {
      old.push_back(entry->path());
    }
  }
  for (const Path& path : old) std::filesystem::remove(path, error);
}

}  // namespace

Path LakeDirectory::staged(const std::string& path) const {
  return root_ / kStaging / name_of(path);
}

Result<std::optional<Manifest>> LakeDirectory::current() const {
  const auto line = read_file(root_ / kCurrent, kCurrentBytesMax);
  if (!line && line.error().code == Code::kNotFound) return std::nullopt;
  if (!line) return std::unexpected(line.error());
  const uint64_t number = current_number(*line);
  if (number == 0) {
    return fail(
        Code::kCorrupt,
        "{} does not hold the number of a manifest; write it again (docs/lake.md says how). A lake "
        "made anew has only what the log still has",
        (root_ / kCurrent).string());
  }
  const Path path = root_ / manifest_name(number);
  const auto text = read_file(path, kManifestBytesMax);
  // A compaction may have removed it after CURRENT was read.
  if (!text && text.error().code == Code::kNotFound) {
    const auto again = read_file(root_ / kCurrent, kCurrentBytesMax);
    if (again && *again != *line) return current();
    return fail(Code::kCorrupt,
                "{}: CURRENT names this manifest, and it is not there; see docs/lake.md",
                path.string());
  }
  if (!text) return std::unexpected(text.error());
  auto manifest = manifest_from_json(*text);
  if (!manifest) return std::unexpected(manifest.error().within(path.string()));
  if (manifest->number != number) {
    return fail(Code::kCorrupt, "{} says that it is number {}", path.string(), manifest->number);
  }
  return std::move(*manifest);
}

template <class Use>
auto LakeDirectory::look(const LakeFile& file, Use use) const -> decltype(use(Path())) {
  const std::string name = name_of(file.path);
  const std::array<Path, 3> places = {root_ / file.path, root_ / kStaging / name,
                                      root_ / kRetired / name};
  // Twice: it may move from one to the next between two looks.
  for (int time = 0; time < 2; ++time) {
    for (const Path& place : places) {
      auto used = use(place);
      if (used || used.error().code != Code::kNotFound) return used;
    }
  }
  return std::unexpected(missing(file));
}

Error LakeDirectory::missing(const LakeFile& file) const {
  const auto now = current();
  if (!now) return now.error();
  const bool still = *now && std::ranges::any_of((*now)->files, [&](const LakeFile& other) {
    return other.path == file.path;
  });
  const std::string path = (root_ / file.path).string();
  if (!still) {
    return fail(Code::kBusy,
                "{} was replaced by a compaction since the lake was opened; read again", path)
        .error();
  }
  return fail(Code::kCorrupt,
              "{} is missing; put it back from a copy. A lake made anew (docs/lake.md) has only "
              "what the log still has",
              path)
      .error();
}

Result<TableBytes> LakeDirectory::open(const LakeFile& file) const {
  return look(file, [](const Path& place) -> Result<TableBytes> {
    return TableBytes{place, std::make_shared<const MappedFile>(TRY(MappedFile::open(place)))};
  });
}

Result<Path> LakeDirectory::find(const LakeFile& file) const {
  return look(file, [](const Path& place) -> Result<Path> {
    if (is_there(place)) return place;
    return fail(Code::kNotFound, "{} is not there", place.string());
  });
}

Status LakeDirectory::link(const LakeFile& file, const Path& to) const {
  TRY(make_directories(to.parent_path()));
  return look(file, [&](const Path& place) -> Status {
    std::error_code error;
    std::filesystem::create_hard_link(place, to, error);
    if (!error) return {};
    if (error == std::errc::file_exists) {
      return fail(Code::kAlreadyExists, "{} is there already; name a new folder", to.string());
    }
    return std::unexpected(errno_error(error.value(), "link", to));
  });
}

Status LakeDirectory::forget(const UserId& user, AsOf before) const {
  if (!is_there(root_)) return {};
  return write_tombstone(root_, {user, format_rfc3339(now()), std::move(before)});
}

Result<LakeWriter> LakeWriter::open(const LakeDirectory& lake) {
  TRY(make_directories(lake.root()));
  auto lock = FileLock::acquire(lake.root() / "LOCK");
  if (!lock && lock.error().code == Code::kConflict) {
    return fail(Code::kConflict, "{}: somebody else compacts ({}); wait for it",
                lake.root().string(), lock.error().message);
  }
  if (!lock) return std::unexpected(lock.error());
  LakeWriter writer(lake, std::move(*lock));
  remove_leftovers(lake.root());
  remove_old_temporaries(lake.root() / "tombstones");
  writer.current_ = TRY(lake.current());
  const auto manifests = TRY(manifests_of(lake.root()));
  // The first one may be what a killed compaction left; a later one has had a CURRENT.
  if (!writer.current_ && !manifests.empty() && manifests.back() > 1) {
    return fail(Code::kCorrupt,
                "{} is missing, and {} is there; write it again (docs/lake.md says how). A lake "
                "made anew has only what the log still has",
                (lake.root() / kCurrent).string(), manifest_name(manifests.back()));
  }
  TRY(make_directories(lake.root() / kStaging));
  TRY(sync_directory(lake.root()));  // CURRENT is where it is before anything older goes
  TRY(writer.remove_manifests_above(writer.current_ ? writer.current_->number : 0));
  TRY(writer.finish());
  TRY(writer.sweep());
  return writer;
}

Status LakeWriter::commit(Manifest next) {
  if (next.files.size() > kFilesMax) {
    return fail(Code::kOverloaded,
                "the lake would have {} files, more than {}: let it forget old days "
                "(lake.keep_days), or leave out regions",
                next.files.size(), kFilesMax);
  }
  const Path& root = lake_->root();
  std::ranges::sort(next.files, {}, &LakeFile::path);
  std::vector<Path> staged;
  for (const LakeFile& file : next.files) {
    const Path path = lake_->staged(file.path);
    if (is_there(path)) staged.push_back(path);
  }
  TRY(sync_files(root / kStaging, staged));
  TRY(write_file_atomically(root / manifest_name(next.number), to_json(next)));
  TRY(write_file_atomically(root / kCurrent, current_line(next.number)));
  std::set<std::string> named;
  for (const LakeFile& file : next.files) named.insert(file.path);
  for (const RetiredFile& file : next.retired) named.insert(file.path);
  std::vector<std::string> gone;
  if (current_) {
    for (const LakeFile& file : current_->files) {
      if (!named.contains(file.path)) gone.push_back(file.path);
    }
  }
  current_ = std::move(next);
  std::set<Path> touched;
  for (const std::string& path : gone) {
    TRY(remove_file(root / path));
    touched.insert((root / path).parent_path());
  }
  // The record that finish() writes says that they are gone.
  if (!current_->forgot.empty()) {
    for (const Path& folder : touched) TRY(sync_directory(folder));
  }
  return finish();
}

// What failed may have been the last step of replacing CURRENT: so only what neither version names
// goes, and only from staging.
void LakeWriter::discard() const {
  const auto now = lake_->current();
  const auto staged = files_below(lake_->root() / kStaging);
  if (!now || !staged) return;
  // First: a manifest whose files are gone must not look like the newest one.
  const auto above = remove_manifests_above(*now ? (*now)->number : 0);
  if (!above) return log_warning("the lake is not swept yet: {}", above.error().message);
  std::set<Path> wanted, touched;
  for (const auto* manifest : {&*now, &current_}) {
    if (!*manifest) continue;
    for (const LakeFile& file : (*manifest)->files) wanted.insert(lake_->staged(file.path));
  }
  const auto removed = remove_others(*staged, wanted, touched);
  if (!removed) log_warning("the lake is not swept yet: {}", removed.error().message);
}

Status LakeWriter::remove_manifests_above(uint64_t number) const {
  for (const uint64_t one : TRY(manifests_of(lake_->root()))) {
    if (one > number) TRY(remove_file(lake_->root() / manifest_name(one)));
  }
  return {};
}

// Whatever has not been done yet of what follows a commit; doing it again changes nothing.
Status LakeWriter::finish() {
  if (!current_) return {};
  TRY(publish());
  TRY(forget());
  const Path& root = lake_->root();
  std::set<Path> wanted, touched;
  for (const RetiredFile& file : current_->retired) {
    wanted.insert(root / kRetired / name_of(file.path));
  }
  TRY(remove_others(TRY(files_below(root / kRetired)), wanted, touched));
  // The manifest before stays for who has just read its number.
  for (uint64_t old = current_->number - std::min<uint64_t>(current_->number, 2); old > 0; --old) {
    if (!is_there(root / manifest_name(old))) break;
    TRY(remove_file(root / manifest_name(old)));
  }
  return {};
}

// New files from staging to their places, replaced ones out of them: who looks for all files of a
// folder (DuckDB's globs) sees both or neither for a moment only. Nothing needs to be durable here:
// a file that a crash puts back is found where it is, and the next open() moves it again.
Status LakeWriter::publish() const {
  const Path& root = lake_->root();
  for (const LakeFile& file : current_->files) {
    const Path from = lake_->staged(file.path);
    if (!is_there(from)) continue;
    TRY(make_directories((root / file.path).parent_path()));
    TRY(rename_file(from, root / file.path));
  }
  for (const RetiredFile& file : current_->retired) {
    if (!is_there(root / file.path)) continue;
    TRY(make_directories(root / kRetired));
    TRY(rename_file(root / file.path, root / kRetired / name_of(file.path)));
  }
  return {};
}

Status LakeWriter::forget() const {
  if (current_->forgot.empty()) return {};
  TRY(sweep());  // what held their rows is gone before the record says so
  TRY(record_forgotten(lake_->root(), *current_));
  std::unordered_set<std::string> done;
  for (const Forgot& forgot : current_->forgot) done.insert(forgot.user_digest + forgot.asked);
  for (const auto& [path, tombstone] : TRY(read_tombstones(lake_->root()))) {
    if (done.contains(digest_of(tombstone.user) + tombstone.asked)) TRY(remove_file(path));
  }
  return {};
}

// Files of ours that the manifest does not name.
Status LakeWriter::sweep() const {
  const Path& root = lake_->root();
  std::set<Path> wanted, touched;
  std::vector<Path> found = TRY(files_below(root / kStaging));
  if (current_) {
    for (const LakeFile& file : current_->files) {
      wanted.insert(root / file.path);
      wanted.insert(lake_->staged(file.path));
    }
    for (const RetiredFile& file : current_->retired) wanted.insert(root / file.path);
  }
  for (const std::string_view zone : kZoneNames) {
    for (Path& path : TRY(files_below(root / zone))) {
      if (is_part(path)) found.push_back(std::move(path));
    }
  }
  TRY(remove_others(found, wanted, touched));
  for (const Path& folder : touched) TRY(sync_directory(folder));
  return {};
}

}  // namespace palate::lake
