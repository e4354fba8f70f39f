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

using OpenParquet = Result<std::unique_ptr<ParquetSource>> (*)(const Path& path);

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

}  // namespace

bool is_parquet(std::string_view first_bytes) { return first_bytes.starts_with("PAR1"); }

Result<std::unique_ptr<ParquetSource>> open_parquet(const Path& path) {
  static const Result<OpenParquet> open = load_module();
  if (!open) return std::unexpected(open.error().within(path.string()));
  return (*open)(path);
}

}  // namespace palate
