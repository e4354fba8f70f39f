// Fits the models that are weights between items on a matrix that areas/models.py wrote and says
// how long it took. Not for users: the comparison is bench/areas/models.py, which runs this and its
// peers on the same data and compares what came out.
//
//   item_models_bench DIR item_knn|ease|ease-neighbours|graph NUMBER THREADS
//
// NUMBER: neighbours of item_knn and ease-neighbours, factors of graph, not read by ease. DIR holds
// start.u64, index.u32, value.f32 (users by items, CSR) and shape.u64 (rows, cols). Writes
// DIR/out.f32: the dense weights (ease, rows of padded(items)), the squared singular values
// (graph), or the weights' values by item of the past; prints one JSON line.
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "matrix_files.h"
#include "models/ease/train_fit.h"
#include "models/graph/train.h"
#include "models/item_knn/train.h"

namespace {

using palate::FloatTable;
using palate::Result;
using palate::SparseMatrix;

struct Job {
  std::string model;
  int number = 0;
  palate::Workers workers;
};

// Everybody's usual settings: what the peers compute.
Result<std::vector<float>> fit(SparseMatrix matrix, const Job& job) {
  const auto plain = [](const auto& table) {
    return std::vector<float>(table.begin(), table.end());
  };
  const palate::EaseFitOptions ease{{.regularization = 1,
                                     .user_power = 0,
                                     .item_power = 0,
                                     .target_power = 0,
                                     .neighbours = job.number},
                                    job.workers.pool,
                                    {}};
  if (job.model == "ease") return plain(TRY(palate::ease_fit_exact(std::move(matrix), ease)));
  if (job.model == "ease-neighbours") {
    return TRY(palate::ease_fit_neighbours(std::move(matrix), ease)).value;
  }
  if (job.model == "item_knn") {
    const palate::ItemKnnConfig cosine{
        .similarity = "cosine", .neighbours = job.number, .contrast = 1, .value_power = 1};
    return TRY(palate::item_knn_fit(std::move(matrix), cosine, job.workers)).value;
  }
  const palate::SpectralOptions options{static_cast<size_t>(job.number), 4, 1, job.workers};
  return TRY(palate::spectral_basis(matrix, options)).values;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr,
               "item_models_bench DIR item_knn|ease|ease-neighbours|graph NUMBER THREADS\n");
    return 2;
  }
  const std::string directory = argv[1];
  palate::ThreadPool pool(static_cast<size_t>(std::atoi(argv[4])));
  SparseMatrix matrix = palate::bench::read_matrix(directory);
  const auto begin = std::chrono::steady_clock::now();
  const auto fitted = fit(std::move(matrix), {argv[2], std::atoi(argv[3]), {&pool, {}}});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (!fitted) {
    fmt::print(stderr, "{}\n", fitted.error().message);
    return 1;
  }
  const double peak = palate::bench::peak_mb();
  palate::bench::write_all(directory + "/out.f32", *fitted);
  fmt::print("{{\"fit_s\": {}, \"peak_mb\": {}}}\n", took.count(), peak);
  return 0;
}
