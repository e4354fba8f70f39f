#include "ingest/set_aside.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "events/quarantine.h"

namespace palate {
namespace {

constexpr std::string_view kSuffix = ".json";
constexpr int kFilesMax = 100'000;

Path folder_of(const Path& tenant_directory) { return tenant_directory / "quarantine" / "batches"; }

Result<SetAside> parse(const Path& path) {
  const std::string text = TRY(read_file(path));
  try {
    const auto json = nlohmann::json::parse(text);
    SetAside batch;
    batch.id = path.stem().string();
    batch.path = json.at("path").get<std::string>();
    batch.digest = json.at("digest").get<std::string>();
    batch.reasons = json.at("reasons").get<std::vector<std::string>>();
    batch.mapping = TRY(mapping_from_json(json.at("mapping").dump()));
    const auto profiles = TRY(profiles_from_json(json.at("profile").dump()));
    if (profiles.size() != 1) return fail(Code::kCorrupt, "{} has no profile", path.string());
    batch.profile = profiles.front();
    return batch;
  } catch (const nlohmann::json::exception& error) {
    return fail(Code::kCorrupt, "{} is damaged: {}", path.string(), error.what());
  }
}

}  // namespace

Status set_aside(const Path& tenant_directory, SetAside& batch) {
  constexpr int kTriesMax = 1000;
  const Path folder = folder_of(tenant_directory);
  TRY(make_directories(folder));
  const std::string name = quarantine_name(batch.path.filename().string());
  std::error_code ignored;
  for (int i = 0; i < kTriesMax; ++i) {
    batch.id = i == 0 ? name : fmt::format("{}-{}", name, i);
    if (!std::filesystem::exists(folder / (batch.id + std::string(kSuffix)), ignored)) break;
  }
  const nlohmann::ordered_json json = {
      {"path", std::filesystem::absolute(batch.path, ignored).string()},
      {"digest", batch.digest},
      {"reasons", batch.reasons},
      {"mapping", nlohmann::ordered_json::parse(to_json(batch.mapping))},
      {"profile", nlohmann::ordered_json::parse(to_json({&batch.profile, 1}))}};
  return write_file_atomically(folder / (batch.id + std::string(kSuffix)), json.dump(2) + "\n");
}

Result<std::vector<SetAside>> list_set_aside(const Path& tenant_directory) {
  std::vector<SetAside> all;
  std::error_code error;
  auto entry = std::filesystem::directory_iterator(folder_of(tenant_directory), error);
  for (int i = 0; !error && i < kFilesMax && entry != std::filesystem::directory_iterator(); ++i) {
    const Path path = entry->path();
    entry.increment(error);
    if (path.extension() == kSuffix) all.push_back(TRY(parse(path)));
  }
  std::ranges::sort(all, {}, &SetAside::id);
  return all;
}

Result<SetAside> find_set_aside(const Path& tenant_directory, const std::string& id) {
  const Path path = folder_of(tenant_directory) / (id + std::string(kSuffix));
  std::error_code ignored;
  if (id.empty() || id.find('/') != std::string::npos || !std::filesystem::exists(path, ignored)) {
    return fail(Code::kNotFound, "no batch '{}' is set aside; palate quarantine list shows them",
                id);
  }
  return parse(path);
}

Status drop_set_aside(const Path& tenant_directory, const std::string& id) {
  const Path path = folder_of(tenant_directory) / (id + std::string(kSuffix));
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) return std::unexpected(errno_error(error.value(), "remove", path));
  return {};
}

}  // namespace palate
