// Fits mf by stochastic gradient descent to ratings that bench/mf_rows.py wrote, and says how long
// it took and how far off it is on ratings that it did not see.
//
//   mf_bench DIR SOLVER FACTORS EPOCHS REGULARIZATION RATE THREADS
//
// DIR as in matrix_files.h, values being ratings, and beside them the held-out ones: user.u32,
// item.u32, rating.f32. Prints one JSON line.
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "matrix_files.h"
#include "models/mf/train_fit.h"

namespace {

using palate::bench::read_all;

palate::MfData read_data(const std::string& directory) {
  palate::SparseMatrix ratings = palate::bench::read_matrix(directory);
  palate::MfData data;
  const double sum = std::accumulate(ratings.value.begin(), ratings.value.end(), 0.0);
  data.mean = sum / static_cast<double>(ratings.value.size());
  data.low = 1;
  data.high = 5;
  for (float& value : ratings.value) value -= static_cast<float>(data.mean);
  data.by_user = {ratings.rows,
                  ratings.cols,
                  std::move(ratings.start),
                  std::move(ratings.index),
                  std::move(ratings.value),
                  {}};
  data.by_user.ts.resize(data.by_user.size());
  data.by_item = data.by_user.transposed();
  const auto users = read_all<uint32_t>(directory + "/user.u32");
  const auto items = read_all<uint32_t>(directory + "/item.u32");
  const auto values = read_all<float>(directory + "/rating.f32");
  for (size_t i = 0; i < users.size(); ++i) {
    data.validation.push_back({users[i], items[i], values[i], {}, 0});
  }
  return data;
}

// Everybody's vector from the items alone, as serving solves it: microseconds a user.
double fold_in_us(const palate::MfData& data, const palate::MfFit& fit,
                  const palate::MfConfig& config) {
  const size_t dim = fit.samples.dim;
  const palate::MfTable items{fit.samples.items.data(), dim, dim};
  std::vector<double> x(dim);
  palate::MfScratch scratch;
  const auto begin = std::chrono::steady_clock::now();
  for (size_t user = 0; user < data.by_user.rows; ++user) {
    const palate::MfRow row = data.by_user.row(user);
    if (row.index.empty()) continue;
    x.assign(dim, 0.0);
    const double ratings = std::pow(row.index.size(), config.regularization_exponent);
    palate::mf_solve(
        {row, items, {fit.samples.precision.data(), fit.samples.mean.data(), ratings, 1}}, x,
        scratch);
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  return took.count() / static_cast<double>(data.by_user.rows);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    fmt::print(stderr, "mf_bench DIR SOLVER FACTORS EPOCHS REGULARIZATION RATE THREADS\n");
    return 2;
  }
  palate::ThreadPool pool(static_cast<size_t>(std::atoi(argv[7])));
  palate::MfFitOptions options;
  options.config.solver = argv[2];
  options.config.factors = std::atoi(argv[3]);
  options.config.iterations = std::atoi(argv[4]);
  options.config.regularization = std::atof(argv[5]);
  options.config.learning_rate = std::atof(argv[6]);
  options.config.profile = 0;
  options.config.patience = 0;
  options.pool = &pool;
  const palate::MfData data = read_data(argv[1]);
  const auto begin = std::chrono::steady_clock::now();
  const auto fit = palate::mf_fit(data, options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (!fit) {
    fmt::print(stderr, "{}\n", fit.error().message);
    return 1;
  }
  const double peak = palate::bench::peak_mb();
  fmt::print("{{\"fit_s\": {}, \"peak_mb\": {}, \"rmse\": {}, \"fold_in_us\": {}}}\n", took.count(),
             peak, fit->curve.validation_rmse.back(), fold_in_us(data, *fit, options.config));
  return 0;
}
