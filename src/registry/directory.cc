#include "registry/directory.h"

#include <algorithm>
#include <charconv>

namespace palate::registry {
namespace {

constexpr std::string_view kClaimPrefix = ".claim-";
constexpr std::string_view kTrashPrefix = ".trash-";

Status from_error(const std::error_code& error, std::string_view doing, const Path& path) {
  if (!error) return {};
  return std::unexpected(errno_error(error.value(), doing, path));
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

Status remove_directory(const Path& directory) {
  const Path trash =
      directory.parent_path() / (std::string(kTrashPrefix) + directory.filename().string());
  std::error_code error;
  std::filesystem::rename(directory, trash, error);
  TRY(from_error(error, "remove", directory));
  std::filesystem::remove_all(trash, error);
  return from_error(error, "remove", trash);
}

void remove_trash(const Path& directory) {
  const auto names = names_in(directory);
  if (!names) return;
  for (const auto& name : *names) {
    std::error_code ignored;
    if (name.starts_with(kTrashPrefix)) std::filesystem::remove_all(directory / name, ignored);
  }
}

}  // namespace palate::registry
