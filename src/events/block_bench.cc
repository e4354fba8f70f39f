// Encoding and decoding of blocks, on rows shaped like goodbooks (type rating, numeric user and
// item, one to five stars, a time) and on rows that a server logs. Bytes an event are in the
// counters.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/hash.h"
#include "events/block.h"

namespace palate {
namespace {

constexpr size_t kRows = 200'000;

uint64_t draw(uint64_t i, uint64_t column) {
  return hash64({reinterpret_cast<const char*>(&i), sizeof i}, column);
}

struct Rows {
  std::vector<std::string> texts;
  std::vector<EventView> rows;
};

const EventTypes& types() {
  static const EventTypes defaults = EventTypes::defaults();
  return defaults;
}

Rows ratings() {
  Rows out;
  out.texts.reserve(2 * kRows);
  int64_t ts_s = 1'400'000'000;
  for (size_t i = 0; i < kRows; ++i) {
    EventView row;
    row.user = out.texts.emplace_back(std::to_string(1 + draw(i, 1) % 53'424));
    // The product of two uniform numbers: a long tail.
    row.item = out.texts.emplace_back(
        std::to_string(1 + (draw(i, 2) % 10'000) * (draw(i, 3) % 10'000) / 10'000));
    ts_s += static_cast<int64_t>(draw(i, 4) % 32);
    row.ts = row.received = TimeUs{ts_s * kSecondUs};
    row.value = static_cast<double>(1 + draw(i, 5) % 5);
    row.type = types().find("rating").value();
    out.rows.push_back(row);
  }
  return out;
}

Rows served() {
  Rows out;
  out.texts.reserve(4 * kRows);
  int64_t ts = 1'700'000'000'000'000;
  for (size_t i = 0; i < kRows; ++i) {
    EventView row;
    row.event_id = out.texts.emplace_back(fmt::format("{:016x}{:016x}", draw(i, 1), draw(i, 2)));
    row.user = out.texts.emplace_back(fmt::format("user-{}", draw(i / 20, 3) % 5000));
    row.item = out.texts.emplace_back(fmt::format("item-{}", draw(i, 4) % 2000));
    row.request_id = out.texts.emplace_back(fmt::format("{:016x}", draw(i / 20, 5)));
    row.context = draw(i / 20, 6) % 2 == 0 ? R"({"country":"FR","device":"phone"})"
                                           : R"({"country":"DE","device":"tv","language":"de"})";
    ts += static_cast<int64_t>(draw(i, 7) % 2000);
    row.ts = TimeUs{ts};
    row.received = TimeUs{ts + static_cast<int64_t>(draw(i, 8) % 100'000)};
    row.slot = static_cast<int32_t>(i % 20);
    row.type = types().find(i % 20 == 0 ? "click" : "impression").value();
    out.rows.push_back(row);
  }
  return out;
}

void encode(benchmark::State& state, Rows (*make)()) {
  const Rows made = make();
  size_t bytes = 0;
  size_t blocks = 0;
  for (auto _ : state) {
    bytes = 0;
    const auto encoded = encode_events(made.rows, types());
    for (const EncodedBlock& block : encoded) bytes += block.bytes.size();
    blocks = encoded.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
  state.counters["bytes_per_event"] = static_cast<double>(bytes) / kRows;
  state.counters["block_kib"] = static_cast<double>(bytes) / static_cast<double>(blocks) / 1024;
}

void decode(benchmark::State& state, Rows (*make)()) {
  const Rows made = make();
  const auto encoded = encode_events(made.rows, types());
  for (auto _ : state) {
    size_t at = 0;
    for (const EncodedBlock& block : encoded) {
      const auto batch = decode_events(block.bytes, types());
      if (!batch || batch->rows.back().user != made.rows[at + block.count - 1].user) {
        state.SkipWithError("a block did not come back as it was");
        return;
      }
      at += block.count;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
}

void identity(benchmark::State& state) {
  const Rows made = ratings();
  for (auto _ : state) {
    uint64_t sum = 0;
    for (const EventView& row : made.rows) sum += event_identity(row, "rating").words[0];
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
}

BENCHMARK_CAPTURE(encode, ratings, ratings)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, served, served)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, ratings, ratings)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, served, served)->Unit(benchmark::kMillisecond);
BENCHMARK(identity)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace palate
