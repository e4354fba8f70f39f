#include "lake/table_file.h"

#include <array>

#include <dlfcn.h>

namespace palate::lake {
namespace {

constexpr std::string_view kModuleName = "libpalate_lake_parquet.so";

// Beside the program, or in lib/ beside its folder (an installed tree).
std::array<Path, 3> module_places() {
  std::error_code ignored;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const Path folder = program.parent_path();
  return {folder / kModuleName, folder.parent_path() / "lib" / "palate" / kModuleName,
          Path(PALATE_LAKE_MODULE)};
}

Result<const TableModule*> load_module() {
  std::string last = "no such file";
  for (const Path& place : module_places()) {
    std::error_code ignored;
    if (place.empty() || !std::filesystem::exists(place, ignored)) continue;
    void* module = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* symbol = module == nullptr ? nullptr : ::dlsym(module, "palate_lake_tables");
    if (symbol != nullptr) return static_cast<const TableModule*>(symbol);
    last = ::dlerror();
  }
  return fail(Code::kUnavailable,
              "the lake needs the module {}, which was not built or could not be loaded ({}); run "
              "`./dev deps` and build again",
              kModuleName, last);
}

// Loaded once a process.
const Result<const TableModule*>& module() {
  static const Result<const TableModule*> loaded = load_module();
  return loaded;
}

}  // namespace

Status tables_ready() {
  if (!module()) return std::unexpected(module().error());
  return {};
}

Result<std::unique_ptr<TableWriter>> create_table(ByteSink& sink, const TableFormat& format) {
  if (!module()) return std::unexpected(module().error());
  Result<std::unique_ptr<TableWriter>> created = nullptr;
  (*module())->create(sink, format, created);
  return created;
}

Result<std::unique_ptr<TableSource>> open_table(const TableBytes& bytes,
                                                std::span<const ColumnSpec> columns) {
  if (!module()) return std::unexpected(module().error());
  Result<std::unique_ptr<TableSource>> opened = nullptr;
  (*module())->open({bytes.path.string(), bytes.file->text(), bytes.file}, columns, opened);
  return opened;
}

}  // namespace palate::lake
