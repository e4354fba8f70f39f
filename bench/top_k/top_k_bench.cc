// Ranks all items for all users and says how long it took. Not for users: the comparison is
// bench/areas/evaluation.py, which wrote the vectors and runs the peers on them.
//
//   top_k_bench DIR DIM K THREADS
//
// DIR holds users.f32 and items.f32 (row-major, DIM floats a row). Writes DIR/ranked.u32, K items a
// user; prints one JSON line.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/threads.h"
#include "index/exact_index.h"

namespace {

using palate::ExactIndex;
using palate::RowsView;
using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 128;  // as evaluate/ranking_run.cc

std::vector<float> read_floats(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    fmt::print(stderr, "cannot read {}\n", path);
    std::exit(3);
  }
  std::vector<float> out(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(out.data()),
            static_cast<std::streamsize>(out.size() * sizeof(float)));
  return out;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Ranked {
  std::vector<uint32_t> items;  // k a user
  palate::ScanCounts counts;
};

Ranked rank_all(const ExactIndex& index, const RowsView& users, size_t k, size_t threads) {
  palate::ThreadPool pool(threads);
  Ranked out{std::vector<uint32_t>(users.count * k), {}};
  std::vector<palate::ScanCounts> counts(pool.size());
  const auto done =
      pool.for_blocks((users.count + kBatch - 1) / kBatch, [&](size_t block, size_t worker) {
        std::vector<ExactIndex::Query> queries;
        const size_t begin = block * kBatch, end = std::min(begin + kBatch, users.count);
        for (size_t user = begin; user < end; ++user)
          queries.push_back({{users.row(user), users.dim}, {}, k});
        const auto lists = index.top_k(queries, &counts[worker]);
        for (size_t i = 0; i < lists.size(); ++i) {
          for (size_t rank = 0; rank < lists[i].size(); ++rank) {
            out.items[(begin + i) * k + rank] = lists[i][rank].index;
          }
        }
      });
  if (!done) std::exit(3);
  for (const auto& part : counts) out.counts += part;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: top_k_bench DIR DIM K THREADS\n");
    return 2;
  }
  const std::string dir = argv[1];
  const size_t dim = std::strtoull(argv[2], nullptr, 10), k = std::strtoull(argv[3], nullptr, 10),
               threads = std::strtoull(argv[4], nullptr, 10);
  const auto users = read_floats(dir + "/users.f32"), items = read_floats(dir + "/items.f32");
  const auto start = Clock::now();
  const ExactIndex index(RowsView{items.data(), items.size() / dim, dim});
  const double build_s = seconds_since(start);
  const auto built = Clock::now();
  const Ranked ranked = rank_all(index, {users.data(), users.size() / dim, dim}, k, threads);
  const double rank_s = seconds_since(built);
  std::ofstream file(dir + "/ranked.u32", std::ios::binary);
  file.write(reinterpret_cast<const char*>(ranked.items.data()),
             static_cast<std::streamsize>(ranked.items.size() * sizeof(uint32_t)));
  const auto a_query = [&](size_t count) {
    return static_cast<double>(count) / static_cast<double>(ranked.counts.queries);
  };
  fmt::print(R"({{"build_s": {}, "rank_s": {}, "screened": {}, "rescored": {}, "in_fp32": {}, )"
             R"("bytes_item": {}}})"
             "\n",
             build_s, rank_s, a_query(ranked.counts.screened), a_query(ranked.counts.rescored),
             a_query(ranked.counts.in_fp32),
             static_cast<double>(index.bytes()) / static_cast<double>(index.size()));
  return file ? 0 : 3;
}
