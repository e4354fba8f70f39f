// A dataset whose file is whole (checksums match) but whose content may be anything: refused, or
// safe to read by all that use one. Bytes: users, items, the details' JSON up to a newline, then
// row_start and rows as they lie in the file.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "dataset/dataset.h"
#include "ids/perfect_hash.h"

namespace palate {
namespace {

// In memory where there is such a place: a commit syncs.
struct Scratch {
  Path root = (std::filesystem::is_directory("/dev/shm") ? Path("/dev/shm")
                                                         : std::filesystem::temp_directory_path()) /
              fmt::format("palate-dataset-fuzz-{}", getpid());
  Scratch() { std::filesystem::create_directories(root); }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }
};

// The next `count` values of T out of `bytes`, zeros where they end.
template <class T>
std::vector<T> take(std::string_view& bytes, size_t count) {
  std::vector<T> out(count);
  const size_t taken = std::min(bytes.size(), count * sizeof(T));
  if (taken > 0) std::memcpy(static_cast<void*>(out.data()), bytes.data(), taken);
  bytes.remove_prefix(taken);
  return out;
}

bool write(const Path& path, std::string_view input) {
  const auto users = static_cast<uint8_t>(input[0]), items = static_cast<uint8_t>(input[1]);
  input.remove_prefix(2);
  const size_t line = std::min(input.find('\n'), input.size());
  auto writer = ArtefactWriter::create(path);
  PALATE_CHECK(writer.has_value(), "an artefact starts in an empty folder");
  writer->manifest.kind = "dataset";
  writer->manifest.items = items;
  writer->manifest.event_types = "0000000000000001";
  writer->manifest.details_json = input.substr(0, line);
  input.remove_prefix(std::min(line + 1, input.size()));
  auto starts = take<uint64_t>(input, size_t{users} + 1);
  const size_t rows = input.size() / sizeof(HistoryEntry);
  auto bytes = take<std::byte>(input, rows * sizeof(HistoryEntry));
  writer->add("row_start", {starts.size()}, std::move(starts));
  writer->add("rows", DType::kU8, {rows, sizeof(HistoryEntry)}, bytes);
  std::vector<uint64_t> ids(size_t{users} * 2, 5);
  for (size_t user = 0; user < users; ++user) ids[2 * user] = user;
  writer->add("user_ids", {users, 2}, std::span<const uint64_t>(ids));
  // A perfect hash over so many keys, though not these, and any order, also outside the users.
  std::vector<uint64_t> keys(users);
  std::iota(keys.begin(), keys.end(), input.size());
  ThreadPool pool(1);
  const auto hash = PerfectHash::build(keys, pool);
  PALATE_CHECK(hash.has_value(), "numbers in order are all different");
  writer->add("user_hash", {hash->words().size()}, hash->words());
  std::vector<uint32_t> order(users);
  for (uint32_t& user : order)
    user = static_cast<uint32_t>(hash64(input, &user - order.data()) % 300);
  writer->add("user_order", {order.size()}, std::span<const uint32_t>(order));
  return writer->commit().has_value();  // not where the details are no JSON object
}

void use(const Dataset& dataset) {
  const DatasetView view(dataset);
  size_t rows = 0;
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    const auto found = dataset.find_user(dataset.user_id({user}));
    PALATE_CHECK(!found || *found == UserIx{user}, "nobody is taken for somebody else");
    for (const HistoryEntry& row : dataset.of({user})) {
      PALATE_CHECK(row.item.value < dataset.items(), "an item of the dictionary");
      ++rows;
    }
  }
  PALATE_CHECK(rows == dataset.interactions() && view.seen().interactions == rows, "all rows");
  const SparseMatrix matrix = preference_matrix(view);
  PALATE_CHECK(matrix.rows == dataset.users() && matrix.start.back() <= rows, "at most all rows");
}

}  // namespace
}  // namespace palate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  static const Scratch scratch;
  if (size < 2) return 0;
  const Path path = scratch.root / "dataset";
  if (write(path, {reinterpret_cast<const char*>(data), size})) {
    if (const auto dataset = Dataset::open(path)) use(*dataset);
  }
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  return 0;
}
