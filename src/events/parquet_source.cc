#include "events/parquet_source.h"

#include <array>
#include <filesystem>

#include <dlfcn.h>

namespace palate {
namespace {

constexpr std::string_view kModuleName = "libpalate_events_parquet.so";

// Beside the program, or in lib/ beside its folder (an installed tree).
std::vector<Path> module_places() {
  std::error_code ignored;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const Path folder = program.parent_path();
  return {folder / kModuleName, folder.parent_path() / "lib" / "palate" / kModuleName,
          Path(PALATE_PARQUET_MODULE)};
}

using OpenParquet = void (*)(const Path& path, Result<std::unique_ptr<ParquetSource>>& opened);

Result<OpenParquet> load_module() {
  std::string last = "no such file";
  for (const Path& place : module_places()) {
    std::error_code ignored;
    if (!std::filesystem::exists(place, ignored)) continue;
    void* module = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) {
      last = ::dlerror();
      continue;
    }
    void* symbol = ::dlsym(module, "palate_open_parquet");
    if (symbol != nullptr) return reinterpret_cast<OpenParquet>(symbol);
    last = ::dlerror();
  }
  return fail(Code::kUnavailable,
              "Parquet needs the module {}, which was not built or could not be loaded ({}); run "
              "`./dev deps`, build again, or convert the file to CSV",
              kModuleName, last);
}

// Loaded once a process.
const Result<OpenParquet>& module() {
  static const Result<OpenParquet> loaded = load_module();
  return loaded;
}

}  // namespace

bool is_parquet(std::string_view first_bytes) { return first_bytes.starts_with("PAR1"); }

Status parquet_ready() {
  if (!module()) return std::unexpected(module().error());
  return {};
}

Result<std::unique_ptr<ParquetSource>> open_parquet(const Path& path) {
  if (!module()) return std::unexpected(module().error().within(path.string()));
  Result<std::unique_ptr<ParquetSource>> opened = nullptr;
  (*module())(path, opened);
  return opened;
}

}  // namespace palate
