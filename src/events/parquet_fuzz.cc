// Any bytes as a Parquet file: refused, or rows of which every cell can be read.
#include <filesystem>
#include <unistd.h>

#include "base/check.h"
#include "events/parquet_source.h"

namespace palate {
namespace {

// In memory where there is such a place.
struct Scratch {
  Path path = (std::filesystem::is_directory("/dev/shm") ? Path("/dev/shm")
                                                         : std::filesystem::temp_directory_path()) /
              fmt::format("palate-fuzz-{}.parquet", getpid());
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

void read_all(ParquetSource& source) {
  constexpr int kChunksMax = 16;
  const size_t columns = source.names().size();
  const auto first = source.first_row();
  PALATE_CHECK(!first || first->empty() || first->size() == columns, "a cell each column");
  size_t touched = 0;
  for (int i = 0; i < kChunksMax; ++i) {
    RawChunk chunk;
    const auto more = source.next(std::vector<bool>(columns, true), chunk);
    if (!more || !*more) break;
    for (const std::string_view cell : chunk.cells) {
      for (const char byte : cell) touched += static_cast<unsigned char>(byte);
    }
  }
  volatile size_t sink = touched;
  static_cast<void>(sink);
}

}  // namespace
}  // namespace palate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  static const Scratch scratch;
  {
    auto file = FileWriter::create(scratch.path);
    PALATE_CHECK(file && file->write({reinterpret_cast<const char*>(data), size}),
                 "a scratch file");
  }
  auto source = open_parquet(scratch.path);
  PALATE_CHECK(source || source.error().code != Code::kUnavailable, "Parquet has its module");
  if (source) read_all(**source);
  return 0;
}
