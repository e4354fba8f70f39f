// A ranking network by one thread, every way of it. Not for users: the comparison is
// bench/areas/inference.py, which runs the peer on what this wrote.
//
//   inference_bench make DIR TOPOLOGY ROWS CANDIDATES   DIR/model, and the ids of one request:
//                                   DIR/ids.i64, [fields × candidates]
//   inference_bench run DIR CANDIDATES SECONDS   scores them in every way for so long each;
//                                   DIR/<way>.f32 holds the scores
//   inference_bench large DIR ROWS CANDIDATES SECONDS   a table of [ROWS × 32] in 8 bits: written
//   to
//                                   DIR/large, opened, read once, then other ids each request
//   inference_bench peaks           what one core can at best do
//
// Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deep_cross.h"
#include "infer/network.h"
#include "math/philox.h"
#include "peaks.h"

namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

[[noreturn]] void stop(std::string_view why) {
  fmt::print(stderr, "inference_bench: {}\n", why);
  std::exit(3);
}

template <class T>
T need(palate::Result<T> result) {
  if (!result) stop(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class T>
void write(const fs::path& path, const std::vector<T>& values) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(T)));
  if (!file) stop("cannot write " + path.string());
}

std::vector<int64_t> read_ids(const fs::path& path) {
  std::vector<int64_t> ids(fs::file_size(path) / sizeof(int64_t));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(ids.data()),
            static_cast<std::streamsize>(ids.size() * sizeof(int64_t)));
  if (!file) stop("cannot read " + path.string());
  return ids;
}

void make(const fs::path& folder, const DeepCross& shape, size_t candidates) {
  need(write_deep_cross(shape, folder / "model"));
  palate::Philox random(10);
  std::vector<int64_t> ids(kFields * candidates);
  for (size_t f = 0; f < kFields; ++f) {
    const uint32_t users = random.below(shape.rows);
    for (size_t c = 0; c < candidates; ++c) {
      ids[f * candidates + c] = f < kRequestFields ? users : random.below(shape.rows);
    }
  }
  write(folder / "ids.i64", ids);
  fmt::print("{{}}\n");
}

struct Way {
  const char* name;
  palate::NetworkOptions options;
};
const std::vector<Way> kWays{{"fp32", {.share = false}},
                             {"fp32 shared", {.share = true}},
                             {"int8", {.share = false, .precision = palate::Precision::kInt8}},
                             {"int8 shared", {.precision = palate::Precision::kInt8}}};

// Of this thread: what others on the machine take is not in it.
double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// CPU seconds of the fastest call, and of the middle one.
struct Times {
  double best = 0, middle = 0;
};

template <class Call>
Times time_calls(double seconds, const Call& call) {
  std::vector<double> times;
  for (const auto start = Clock::now(); seconds_since(start) < seconds || times.size() < 5;) {
    const double turn = cpu_s();
    call();
    times.push_back(cpu_s() - turn);
  }
  std::ranges::sort(times);
  return {times.front(), times[times.size() / 2]};
}

void run(const fs::path& folder, size_t candidates, double seconds) {
  const auto artefact = need(palate::Artefact::open(folder / "model", false));
  const std::vector<int64_t> all = read_ids(folder / "ids.i64");
  const std::vector<uint32_t> ids(all.begin(), all.end());
  std::vector<palate::SparseValues> sparse;
  for (size_t f = 0; f < kFields; ++f) {
    sparse.push_back(
        {std::span(ids).subspan(f * candidates, f < kRequestFields ? 1 : candidates), {}});
  }
  std::vector<std::string> rows;
  for (const Way& way : kWays) {
    const auto start = Clock::now();
    const auto network = need(palate::Network::load(artefact, way.options));
    const double load_s = seconds_since(start);
    palate::NetworkScratch scratch;
    std::vector<float> scores(candidates);
    const std::vector<std::span<float>> outputs{scores};
    const palate::NetworkRequest request{candidates, sparse, {}};
    const Times times =
        time_calls(seconds, [&] { need(network->score(request, outputs, scratch)); });
    write(folder / (std::string(way.name) + ".f32"), scores);
    const auto work = network->work();
    rows.push_back(fmt::format(
        R"({{"way": "{}", "best_s": {}, "middle_s": {}, "load_s": {}, "flop": {}, "block_rows": {}}})",
        way.name, times.best, times.middle, load_s,
        work.flop_request + work.flop_candidate * static_cast<double>(candidates),
        work.block_rows));
  }
  fmt::print(R"({{"rows": [{}]}})"
             "\n",
             fmt::join(rows, ", "));
}

void large(const fs::path& folder, uint32_t table, size_t candidates, double seconds) {
  need(write_large_table(table, folder / "large"));
  const auto start = Clock::now();
  const auto artefact = need(palate::Artefact::open(folder / "large", false));
  const auto network = need(palate::Network::load(artefact));
  const double open_s = seconds_since(start);
  const auto view = need(artefact->tensor("table.item", palate::DType::kI8, 2));
  size_t sum = 0;  // every page is read once, so that the file is in memory
  for (size_t at = 0; at < view.bytes.size(); at += 4096)
    sum += std::to_integer<size_t>(view.bytes[at]);
  if (sum == 0) stop("an empty table");
  palate::Philox random(11);
  palate::NetworkScratch scratch;
  std::vector<uint32_t> ids(candidates);
  std::vector<float> scores(candidates);
  const std::vector<std::span<float>> outputs{scores};
  std::vector<double> times, cpu_times;
  for (const auto begin = Clock::now(); seconds_since(begin) < seconds || times.size() < 1000;) {
    for (uint32_t& id : ids) id = random.below(table);
    const palate::SparseValues item{ids, {}};
    const auto turn = Clock::now();
    const double cpu = cpu_s();
    need(network->score({candidates, {&item, 1}, {}}, outputs, scratch));
    times.push_back(seconds_since(turn));
    cpu_times.push_back(cpu_s() - cpu);
  }
  std::ranges::sort(times);
  std::ranges::sort(cpu_times);
  fmt::print(
      R"({{"open_s": {}, "bytes": {}, "middle_s": {}, "p99_s": {}, "p99_cpu_s": {}, "requests": {}}})"
      "\n",
      open_s, artefact->bytes_on_disk(), times[times.size() / 2], times[times.size() * 99 / 100],
      cpu_times[times.size() * 99 / 100], times.size());
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() == 5 && words[0] == "make") {
    const auto topology = words[2] == "stacked" ? Topology::kStacked : Topology::kParallel;
    make(words[1], {topology, static_cast<uint32_t>(std::stoul(words[3]))}, std::stoul(words[4]));
  } else if (words.size() == 4 && words[0] == "run") {
    run(words[1], std::stoul(words[2]), std::stod(words[3]));
  } else if (words.size() == 5 && words[0] == "large") {
    large(words[1], static_cast<uint32_t>(std::stoul(words[2])), std::stoul(words[3]),
          std::stod(words[4]));
  } else if (words.size() == 1 && words[0] == "peaks") {
    fmt::print(R"({{"fp32_gflops": {}, "int8_gops": {}}})"
               "\n",
               fma_gflops(), int8_gops());
  } else {
    stop("see the top of inference_bench.cc");
  }
}
