// The log on disk: synced appends of blocks, and reading with decoding. Rows are shaped like
// goodbooks; PALATE_BENCH_CSV names a file "user,item,rating,seconds" with a header (the one that
// shapes.py writes) to use instead. PALATE_BENCH_DIR says where the database goes.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "events/block.h"
#include "events/rocks_log.h"

namespace palate {
namespace {

constexpr size_t kRows = 1'000'000;

const EventTypes& types() {
  static const EventTypes defaults = EventTypes::defaults();
  return defaults;
}

// One row of the CSV; the file was written by shapes.py, so its form is known.
EventView row_of(std::string_view line) {
  std::string_view fields[4];
  for (std::string_view& field : fields) {
    const size_t comma = std::min(line.find(','), line.size());
    field = line.substr(0, comma);
    line.remove_prefix(std::min(comma + 1, line.size()));
  }
  EventView row;
  int64_t seconds = 0;
  std::from_chars(fields[3].begin(), fields[3].end(), seconds);
  row.user = fields[0];
  row.item = fields[1];
  row.value = fields[2].front() - '0';
  row.ts = row.received = TimeUs{seconds * kSecondUs};
  row.type = types().find("rating").value();
  return row;
}

std::string made_csv() {
  std::string csv = "user_id,item_id,rating,timestamp\n";
  for (uint64_t i = 0; i < kRows; ++i) {
    const uint64_t draw = hash64({reinterpret_cast<const char*>(&i), sizeof i});
    csv += fmt::format("{},{},{},{}\n", 1 + draw % 53'424, 1 + (draw >> 20) % 10'000,
                       1 + (draw >> 40) % 5, 1'400'000'000 + i * 16);
  }
  return csv;
}

const std::vector<EventView>& rows() {
  static const std::string csv = getenv("PALATE_BENCH_CSV") == nullptr
                                     ? made_csv()
                                     : read_file(getenv("PALATE_BENCH_CSV")).value();
  static const std::vector<EventView> all = [] {
    std::vector<EventView> rows;
    std::string_view left = csv;
    left.remove_prefix(left.find('\n') + 1);
    while (!left.empty()) {
      const size_t end = left.find('\n');
      rows.push_back(row_of(left.substr(0, end)));
      left.remove_prefix(end + 1);
    }
    return rows;
  }();
  return all;
}

class Folder {
 public:
  Folder() {
    const char* base = getenv("PALATE_BENCH_DIR");
    std::string name = (base == nullptr ? std::filesystem::temp_directory_path() : Path(base)) /
                       "palate-bench-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const Path& path() const { return path_; }

 private:
  Path path_;
};

std::vector<EventLog::Append> appends() {
  std::vector<EventLog::Append> out;
  for (EncodedBlock& block : encode_events(rows(), types())) {
    out.push_back({Stream::kEvents, 0, block.count, std::move(block.bytes)});
  }
  return out;
}

std::unique_ptr<Database> open_database(const Path& path) {
  return Database::open({.path = path, .tenant = {}, .mode = DatabaseOptions::Mode::kWriter})
      .value();
}

// `range` blocks a synced group.
void append_synced(benchmark::State& state) {
  const std::vector<EventLog::Append> all = appends();
  const auto group = static_cast<size_t>(state.range(0));
  size_t bytes = 0;
  for (const EventLog::Append& block : all) bytes += block.bytes.size();
  for (auto _ : state) {
    const Folder folder;
    const auto database = open_database(folder.path() / "db");
    const auto log = RocksLog::open(*database).value();
    for (size_t at = 0; at < all.size(); at += group) {
      const auto done = log->append(std::span(all).subspan(at, std::min(group, all.size() - at)));
      if (!done) return state.SkipWithError(done.error().message.c_str());
    }
    if (log->ends().value().front().offset != rows().size()) {
      return state.SkipWithError("the log has not as many events as were appended");
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * rows().size()));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
  state.counters["bytes_per_event"] =
      static_cast<double>(bytes) / static_cast<double>(rows().size());
}

void read_and_decode(benchmark::State& state) {
  const Folder folder;
  const auto database = open_database(folder.path() / "db");
  const auto log = RocksLog::open(*database).value();
  const std::vector<EventLog::Append> all = appends();
  for (const EventLog::Append& block : all) log->append({&block, 1}).value();
  for (auto _ : state) {
    double sum = 0;
    size_t count = 0;
    const Status done = log->read({}, [&](const EventLog::Block& block) -> Status {
      const EventBatch batch = TRY(decode_events(block.bytes, types()));
      for (const EventView& row : batch.rows) sum += row.value;
      count += batch.rows.size();
      return {};
    });
    if (!done || count != rows().size()) return state.SkipWithError("not all events came back");
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * rows().size()));
}

void open_again(benchmark::State& state) {
  const Folder folder;
  {
    const auto database = open_database(folder.path() / "db");
    const auto log = RocksLog::open(*database).value();
    for (const EventLog::Append& block : appends()) log->append({&block, 1}).value();
  }
  for (auto _ : state) {
    const auto database = open_database(folder.path() / "db");
    benchmark::DoNotOptimize(RocksLog::open(*database).value()->ends());
  }
}

BENCHMARK(append_synced)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(read_and_decode)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(open_again)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace palate
