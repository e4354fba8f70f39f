// Trains ALS on a matrix that areas/als.py wrote and says how long an epoch took. Not for users:
// the comparison is bench/areas/als.py, which runs this and its peers on the same data, start and
// settings.
//
//   als_bench DIR FACTORS SOLVER CG_STEPS ALPHA REGULARIZATION EPOCHS THREADS
//
// DIR holds start.u64, index.u32, value.f32 (users by items, CSR), shape.u64 (rows, cols), and
// users.f32, items.f32 (where to start). Writes DIR/folded.f32 (each user solved again from the
// final items, as serving does) and DIR/out_items.f32; prints one JSON line.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "matrix_files.h"
#include "models/als/solver.h"
#include "models/als/train_fit.h"

namespace {

using palate::AlsFactors;
using palate::AlsFitOptions;
using palate::SparseMatrix;
using palate::bench::read_all;
using palate::bench::write_all;
using Clock = std::chrono::steady_clock;

// Every user's vector from the items alone, exactly: what a server answers with.
std::vector<float> fold_in(const SparseMatrix& matrix, const AlsFactors& fit,
                           const AlsFitOptions& options) {
  const palate::RowsView items{fit.items.data(), matrix.cols, fit.dim};
  palate::AlsSolverOptions exactly;
  exactly.method = palate::AlsMethod::kCholesky;
  exactly.factors = fit.factors;
  exactly.regularization = options.config.regularization;
  exactly.exponent = options.config.regularization_exponent;
  exactly.alpha = options.config.alpha;
  const palate::AlsSolver solver(items, fit.spectrum.data(), exactly);
  std::vector<float> out(matrix.rows * fit.dim);
  palate::AlsScratch scratch;
  for (size_t user = 0; user < matrix.rows; ++user) {
    const uint64_t begin = matrix.start[user], count = matrix.start[user + 1] - begin;
    solver.solve({{matrix.index.data() + begin, count}, {matrix.value.data() + begin, count}},
                 out.data() + user * fit.dim, scratch);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) {
    fmt::print(stderr,
               "als_bench DIR FACTORS SOLVER CG_STEPS ALPHA REGULARIZATION EPOCHS THREADS\n");
    return 2;
  }
  const std::string directory = argv[1];
  palate::ThreadPool pool(static_cast<size_t>(std::atoi(argv[8])));
  AlsFitOptions options;
  options.config.factors = std::atoi(argv[2]);
  options.config.solver = argv[3];
  options.config.cg_steps = std::atoi(argv[4]);
  options.config.alpha = std::atof(argv[5]);
  options.config.regularization = std::atof(argv[6]);
  options.config.iterations = std::atoi(argv[7]);
  options.pool = &pool;
  const SparseMatrix matrix = palate::bench::read_matrix(directory);
  const auto users = read_all<float>(directory + "/users.f32");
  const auto items = read_all<float>(directory + "/items.f32");
  options.users = users;
  options.items = items;
  std::vector<double> seconds, cpu_seconds;
  Clock::time_point last;
  std::clock_t last_cpu = 0;
  options.before_epoch = [&](int) {
    last = Clock::now();
    last_cpu = std::clock();
  };
  options.after_epoch = [&](int) {
    seconds.push_back(std::chrono::duration<double>(Clock::now() - last).count());
    cpu_seconds.push_back(static_cast<double>(std::clock() - last_cpu) / CLOCKS_PER_SEC);
  };
  const auto fit = palate::als_fit(matrix, options);
  if (!fit) {
    fmt::print(stderr, "{}\n", fit.error().message);
    return 1;
  }
  const double peak = palate::bench::peak_mb();
  const auto begin = Clock::now();
  write_all(directory + "/folded.f32", fold_in(matrix, *fit, options));
  const double fold_s = std::chrono::duration<double>(Clock::now() - begin).count();
  write_all(directory + "/out_users.f32", fit->users);
  write_all(directory + "/out_items.f32", fit->items);
  fmt::print(
      "{{\"epoch_s\": [{}], \"cpu_s\": [{}], \"dim\": {}, \"fold_in_us\": {:.2f}, "
      "\"peak_mb\": {:.1f}, \"loss\": [{}]}}\n",
      fmt::join(seconds, ", "), fmt::join(cpu_seconds, ", "), fit->dim,
      fold_s * 1e6 / static_cast<double>(matrix.rows), peak, fmt::join(fit->loss, ", "));
  return 0;
}
