#include "base/work_folder.h"

#include <chrono>
#include <filesystem>
#include <unistd.h>

namespace palate {

Result<std::unique_ptr<WorkFolder>> WorkFolder::temporary(std::string_view name) {
  std::error_code error;
  const Path base = std::filesystem::temp_directory_path(error);
  if (error) return fail(Code::kIo, "no folder for temporary files: {}", error.message());
  Path path = base / fmt::format("palate-{}-{}-{}", name, getpid(),
                                 std::chrono::steady_clock::now().time_since_epoch().count());
  auto folder = TRY(at(std::move(path)));
  std::filesystem::permissions(folder->path(), std::filesystem::perms::owner_all, error);
  if (error) return fail(Code::kIo, "{}: {}", folder->path().string(), error.message());
  return folder;
}

Result<std::unique_ptr<WorkFolder>> WorkFolder::at(Path path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  TRY(make_directories(path));
  return std::unique_ptr<WorkFolder>(new WorkFolder(std::move(path)));
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace palate
