// Exact search of one thread, every way of it, beside what the machine can do. Not for users: the
// comparison is bench/areas/search.py, which wrote the vectors and runs the peers on them.
//
//   search_bench DIR DIM K [batch]   DIR holds items.f32 and queries.f32 (row-major, DIM floats a
//                                    row). Writes DIR/product.u32 and DIR/distance.u32, K items a
//                                    query. Every way must give the same answer as fp32.
//   search_bench open DIR DIM        DIR/items.f32 as an artefact: how long until it is mapped,
//                                    checked, and can be searched, from a cold and a warm file.
//
// Prints one JSON object.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "artefact/artefact.h"
#include "index/exact_index.h"
#include "machine.h"
#include "math/table.h"

namespace {

using palate::ExactIndex;
using palate::FloatTable;
using palate::RowsView;
using palate::ScanCounts;
using palate::Similarity;
using palate::StoredRows;
using palate::Width;
using Clock = std::chrono::steady_clock;
using Lists = std::vector<std::vector<palate::ScoredIndex>>;

[[noreturn]] void stop(std::string_view why) {
  fmt::print(stderr, "search_bench: {}\n", why);
  std::exit(3);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

FloatTable read_floats(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) stop("cannot read " + path);
  FloatTable out(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(out.data()),
            static_cast<std::streamsize>(out.size() * sizeof(float)));
  return out;
}

struct Vectors {
  size_t dim = 0, k = 0;
  FloatTable items, queries;
  std::vector<uint16_t> halves;  // the items in bf16
  [[nodiscard]] RowsView rows() const { return {items.data(), items.size() / dim, dim}; }
  [[nodiscard]] std::vector<ExactIndex::Query> ask(std::span<const uint64_t> blocked) const {
    std::vector<ExactIndex::Query> out;
    for (size_t at = 0; at < queries.size(); at += dim) {
      out.push_back({std::span(queries).subspan(at, dim), blocked, k});
    }
    return out;
  }
};

// One way of searching, and what it must answer.
struct Way {
  std::string name;
  size_t width;  // bytes that a scan reads for a number
  const ExactIndex& index;
  std::vector<uint64_t> blocked = {};
};

struct Result {
  double queries_s = 0;
  ScanCounts counts;
};

// Calls of `batch` queries for at least half a second; the fastest one counts.
Result measure(const Way& way, const Vectors& vectors, size_t batch) {
  const auto all = vectors.ask(way.blocked);
  Result out;
  double best = 1e9;
  const auto start = Clock::now();
  for (size_t turn = 0; turn < 3 || seconds_since(start) < 0.5; ++turn) {
    const size_t first = turn * batch % (all.size() - batch + 1);
    const auto begin = Clock::now();
    const Lists lists = way.index.top_k(std::span(all).subspan(first, batch), &out.counts);
    best = std::min(best, seconds_since(begin));
  }
  out.queries_s = static_cast<double>(batch) / best;
  return out;
}

std::string report(const Way& way, const Vectors& vectors, size_t batch) {
  const auto [rate, counts] = measure(way, vectors, batch);
  const auto values = static_cast<double>(vectors.items.size());
  const auto queries = static_cast<double>(counts.queries);
  return fmt::format(
      R"({{"way": "{}", "batch": {}, "queries_s": {}, "gbs": {}, "gops": {}, "rescored": {}, )"
      R"("in_fp32": {}, "bytes_item": {}}})",
      way.name, batch, rate, 1e-9 * rate * values * static_cast<double>(way.width),
      2e-9 * rate * values, static_cast<double>(counts.rescored) / queries,
      static_cast<double>(counts.in_fp32) / queries,
      static_cast<double>(way.index.bytes()) / static_cast<double>(way.index.size()));
}

void write_items(const std::string& path, const Lists& lists, size_t k) {
  std::vector<uint32_t> items;
  for (const auto& list : lists) {
    for (size_t rank = 0; rank < k; ++rank) items.push_back(list.at(rank).index);
  }
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(items.data()),
             static_cast<std::streamsize>(items.size() * sizeof(uint32_t)));
  if (!file) stop("cannot write " + path);
}

// All that is measured over one set of vectors. Ways come and go one after the other: ten million
// vectors are held three times at most.
class Run {
 public:
  Run(std::string dir, Vectors vectors, std::vector<size_t> batches)
      : dir_(std::move(dir)), vectors_(std::move(vectors)), batches_(std::move(batches)) {}

  void all() {
    for (const Similarity similarity : {Similarity::kInnerProduct, Similarity::kDistance}) {
      const bool product = similarity == Similarity::kInnerProduct;
      const std::string suffix = product ? "" : " distance";
      const auto expected = plain("fp32" + suffix, similarity);
      write_items(dir_ + (product ? "/product.u32" : "/distance.u32"), expected, vectors_.k);
      screened("int8" + suffix, similarity, expected);
    }
    bf16();
  }

  void print() const {
    const auto count = vectors_.items.size() / 2;
    const std::span words(reinterpret_cast<const uint64_t*>(vectors_.items.data()), count);
    fmt::print(R"({{"read_gbs": {}, "fp32_gflops": {}, "build_s": {}, "rows": [{}]}})"
               "\n",
               read_gbs(words), fp32_gflops(), build_s_, fmt::join(rows_, ", "));
  }

 private:
  void add(const Way& way) {
    for (const size_t batch : batches_) rows_.push_back(report(way, vectors_, batch));
  }

  Lists plain(const std::string& name, Similarity similarity) {
    const ExactIndex index(vectors_.rows(), {.similarity = similarity, .kernel = nullptr});
    add({name, 4, index});
    return index.top_k(vectors_.ask({}));
  }

  void screened(const std::string& name, Similarity similarity, const Lists& expected) {
    const auto start = Clock::now();
    const ExactIndex index(vectors_.rows(), {.similarity = similarity});
    build_s_ = seconds_since(start);
    if (index.top_k(vectors_.ask({})) != expected) stop(name + ": another answer than fp32");
    add({name, 1, index});
    if (similarity == Similarity::kInnerProduct) filtered(name, index);
  }

  // Filters that let one item in 1,000, every tenth and none through.
  void filtered(const std::string& name, const ExactIndex& index) {
    for (const auto& [part, every] :
         {std::pair{"a thousandth", size_t{1000}}, {"a tenth", 10}, {"nothing", 0}}) {
      std::vector<uint64_t> blocked((index.size() + 63) / 64, ~uint64_t{0});
      for (size_t item = 0; every != 0 && item < index.size(); item += every) {
        blocked[item / 64] ^= uint64_t{1} << item % 64;
      }
      add({fmt::format("{}, filter leaves {}", name, part), 1, index, blocked});
    }
  }

  void bf16() {
    vectors_.halves.reserve(vectors_.items.size());
    for (const float value : vectors_.items) vectors_.halves.push_back(palate::to_bf16(value));
    const StoredRows rows(vectors_.halves.data(), vectors_.rows().count, vectors_.dim,
                          Width::kBf16);
    const ExactIndex narrow(rows, {.kernel = nullptr}), screened(rows);
    if (narrow.top_k(vectors_.ask({})) != screened.top_k(vectors_.ask({}))) {
      stop("bf16: int8 gives another answer");
    }
    add({"bf16", 2, narrow});
    add({"int8 of bf16", 1, screened});
  }

  std::string dir_;
  Vectors vectors_;
  std::vector<size_t> batches_;
  double build_s_ = 0;
  std::vector<std::string> rows_;
};

template <class T>
T must(palate::Result<T> result) {
  if (!result) stop(result.error().message);
  return std::move(*result);
}

// Asks the system to forget the file's pages.
void forget(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  if (file < 0 || ::fsync(file) != 0 || ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) {
    stop("cannot drop " + path + " from memory");
  }
  ::close(file);
}

int open_artefact(const std::string& dir, size_t dim) {
  const std::string path = dir + "/vectors";
  {
    const FloatTable items = read_floats(dir + "/items.f32");
    auto writer = must(palate::ArtefactWriter::create(path));
    writer.manifest.kind = "vectors";
    writer.add<float>("items", {items.size() / dim, dim}, std::span<const float>(items));
    if (const auto done = writer.commit(); !done) stop(done.error().message);
  }
  std::vector<std::string> rows;
  for (const bool cold : {true, false}) {
    for (const bool verify : {false, true}) {
      if (cold) forget(path + "/tensors.safetensors");
      const auto start = Clock::now();
      const auto artefact = must(palate::Artefact::open(path, verify));
      const auto items = must(artefact->tensor("items", palate::DType::kF32, 2));
      const double open_s = seconds_since(start);
      const auto opened = Clock::now();
      double index_s = 0;
      if (!verify) {
        const ExactIndex index(RowsView{reinterpret_cast<const float*>(items.bytes.data()),
                                        items.rows(), items.cols()});
        index_s = seconds_since(opened);
      }
      rows.push_back(fmt::format(R"({{"cold": {}, "verify": {}, "open_s": {}, "index_s": {}}})",
                                 cold, verify, open_s, index_s));
    }
  }
  fmt::print(R"({{"rows": [{}]}})"
             "\n",
             fmt::join(rows, ", "));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto number = [&](size_t i) { return std::strtoull(arguments[i].c_str(), nullptr, 10); };
  if (arguments.size() == 3 && arguments[0] == "open")
    return open_artefact(arguments[1], number(2));
  if (arguments.size() != 3 && arguments.size() != 4) {
    fmt::print(stderr, "usage: search_bench DIR DIM K [BATCH]\n       search_bench open DIR DIM\n");
    return 2;
  }
  const std::string& dir = arguments[0];
  std::vector<size_t> batches{1, 32, 256};
  if (arguments.size() == 4) batches = {number(3)};
  Vectors vectors{
      number(1), number(2), read_floats(dir + "/items.f32"), read_floats(dir + "/queries.f32"), {}};
  Run run(dir, std::move(vectors), std::move(batches));
  run.all();
  run.print();
  return 0;
}
