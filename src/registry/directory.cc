#include "registry/directory.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>

namespace palate::registry {
namespace {

constexpr std::string_view kClaimPrefix = ".claim-";
constexpr std::string_view kTrashPrefix = ".trash-";
constexpr std::string_view kTemporaryMark = ".tmp-";  // then the process id: base/file.cc
constexpr std::chrono::hours kLeftoverAge{24};

Status from_error(const std::error_code& error, std::string_view doing, const Path& path) {
  if (!error) return {};
  return std::unexpected(errno_error(error.value(), doing, path));
}

// True while the process that made a temporary entry may still be at work on it.
bool owner_lives(std::string_view name) {
  const std::string_view rest = name.substr(name.find(kTemporaryMark) + kTemporaryMark.size());
  pid_t owner = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), owner);
  return parsed.ec == std::errc{} && owner > 0 && (::kill(owner, 0) == 0 || errno == EPERM);
}

}  // namespace

Result<std::vector<std::string>> names_in(const Path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (names.size() == kEntriesMax) {
      return fail(Code::kOverloaded, "{} holds more than {} entries; remove what is not Palate's",
                  directory.string(), kEntriesMax);
    }
    names.push_back(entry->path().filename().string());
  }
  TRY(from_error(error, "list", directory));
  std::sort(names.begin(), names.end());
  return names;
}

std::string version_name(uint64_t number) { return fmt::format("{:06}", number); }

std::optional<uint64_t> version_number(std::string_view name) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  if (number == 0 || version_name(number) != name) return std::nullopt;
  return number;
}

Status check_kind(std::string_view kind) {
  constexpr size_t kBytesMax = 64;
  const bool named = std::all_of(kind.begin(), kind.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (named && !kind.empty() && kind.size() <= kBytesMax) return {};
  return fail(Code::kInvalidArgument,
              "'{}' cannot be a kind of artefact; use at most {} of a-z, 0-9, '_' and '-'", kind,
              kBytesMax);
}

std::string claim_name(uint64_t number) { return std::string(kClaimPrefix) + version_name(number); }

std::optional<uint64_t> claim_number(std::string_view name) {
  if (!name.starts_with(kClaimPrefix)) return std::nullopt;
  return version_number(name.substr(kClaimPrefix.size()));
}

bool is_temporary(std::string_view name) {
  return name.starts_with('.') && name.find(kTemporaryMark) != std::string_view::npos;
}

bool is_trash(std::string_view name) { return name.starts_with(kTrashPrefix); }

Status remove_directory(const Path& directory) {
  const Path trash =
      directory.parent_path() / (std::string(kTrashPrefix) + directory.filename().string());
  std::error_code error;
  std::filesystem::rename(directory, trash, error);
  TRY(from_error(error, "remove", directory));
  std::filesystem::remove_all(trash, error);
  return from_error(error, "remove", trash);
}

Status remove_leftovers(const Path& directory) {
  const auto now = std::filesystem::file_time_type::clock::now();
  for (const auto& name : TRY(names_in(directory))) {
    if (!is_temporary(name) && !is_trash(name)) continue;
    std::error_code error;
    const auto written = std::filesystem::last_write_time(directory / name, error);
    if (error) continue;  // gone meanwhile: its owner committed or gave up
    if (is_temporary(name) && (now - written < kLeftoverAge || owner_lives(name))) continue;
    std::filesystem::remove_all(directory / name, error);
    TRY(from_error(error, "remove", directory / name));
  }
  return {};
}

}  // namespace palate::registry
