// A LightGBM text model on rows of a file, by one thread. Not for users: bench/areas/inference.py
// and tests/system/test_trees.py run it beside the library.
//
//   trees_score MODEL ROWS SCORES SECONDS   ROWS: float32, row-major, as wide as the model;
//                                   SCORES: float64, one a row; scored again for so long
//
// Prints one JSON object: CPU seconds of the fastest time over all rows.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "infer/trees.h"

namespace {

template <class T>
T need(palate::Result<T> result) {
  if (!result) {
    fmt::print(stderr, "trees_score: {}\n", result.error().message);
    std::exit(palate::code_info(result.error().code).exit_code);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Of this thread: what others on the machine take is not in it.
double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void run(const char* model, const char* rows_file, const char* scores_file, double seconds) {
  const auto trees = need(palate::Trees::from_text(need(palate::read_file(model))));
  const auto file = need(palate::MappedFile::open(rows_file));
  const std::span rows(reinterpret_cast<const float*>(file.bytes().data()),
                       file.bytes().size() / sizeof(float));
  std::vector<double> scores(rows.size() / trees->features().size());
  palate::TreesScratch scratch;
  double best = std::numeric_limits<double>::infinity(), all = 0;
  do {
    const double start = cpu_s();
    need(trees->score(rows, scores, scratch));
    const double took = cpu_s() - start;
    best = std::min(best, took);
    all += took;
  } while (all < seconds);
  std::ofstream out(scores_file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(scores.data()),
            static_cast<std::streamsize>(scores.size() * sizeof(double)));
  if (!out.flush()) std::exit(3);
  fmt::print(R"({{"best_s": {}, "trees": {}, "rows": {}}})"
             "\n",
             best, trees->size(), scores.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "trees_score MODEL ROWS SCORES SECONDS\n");
    return 2;
  }
  run(argv[1], argv[2], argv[3], std::strtod(argv[4], nullptr));
  return 0;
}
