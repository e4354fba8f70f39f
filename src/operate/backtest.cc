#include "operate/backtest.h"

#include <filesystem>

#include "base/stop.h"
#include "evaluate/trained_on.h"
#include "models/train_catalog.h"

namespace palate {
namespace {

// The next free number below evaluations/, made as a directory at once, so that two runs never
// share one.
Result<Path> next_directory(const Path& root) {
  constexpr int kNumberMax = 999'999;
  std::error_code error;
  std::filesystem::create_directories(root / "evaluations", error);
  if (error) return std::unexpected(errno_error(error.value(), "create", root / "evaluations"));
  int newest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root / "evaluations", error)) {
    newest = std::max(newest, std::atoi(entry.path().filename().c_str()));
  }
  for (int number = newest + 1; number <= kNumberMax; ++number) {
    const Path path = root / "evaluations" / fmt::format("{:06}", number);
    if (std::filesystem::create_directory(path, error)) return path;
    if (error) return std::unexpected(errno_error(error.value(), "create", path));
  }
  return fail(Code::kOverloaded, "{} is full; remove old evaluations",
              (root / "evaluations").string());
}

Result<std::unique_ptr<Model>> train_on(const TrainJob& job, const std::string& kind,
                                        const Path& directory) {
  auto writer = TRY(ArtefactWriter::create(directory / kind));
  writer.manifest.version = "backtest-" + directory.filename().string();
  TRY(train_model(kind, job, writer));
  TRY(check_stop(job.stop));
  TRY(writer.commit());
  return load_model(TRY(Artefact::open(directory / kind)));
}

Result<Comparison> measure(const TrainingRoom& room, const BacktestOptions& options,
                           const Dataset& dataset, const Path& directory) {
  SplitOptions split_options;
  split_options.kind = options.split.value_or(default_split(dataset.time()));
  split_options.test_share = options.test_share;
  split_options.seed = room.seed;
  const Split split = TRY(make_split(dataset, split_options));
  const DatasetView train_part(dataset, split.train);
  const TrainJob job{&train_part, &room.configs, &room.pool, room.stop, room.seed};

  std::vector<std::unique_ptr<Model>> models;
  for (const std::string& kind : options.kinds)
    models.push_back(TRY(train_on(job, kind, directory)));
  const Model* fallback = nullptr;  // as the server: who has no history gets what is popular
  for (const auto& model : models) {
    if (!model->info().personalized) fallback = model.get();
  }
  std::vector<Report> reports;
  for (size_t m = 0; m < models.size(); ++m) {
    EvaluateJob evaluation{models[m].get(),  fallback,   &dataset, &split, {},
                           options.evaluate, &room.pool, room.stop};
    const auto artefact = TRY(Artefact::open(directory / options.kinds[m], /*verify=*/false));
    evaluation.trained_on = TRY(trained_on(artefact->manifest()));
    reports.push_back(TRY(evaluate_model(evaluation)));
  }
  return compare(std::move(reports), room.pool);
}

}  // namespace

Result<BacktestOutcome> backtest(const TrainingRoom& room, const BacktestOptions& options) {
  TRY(check_kinds(options.kinds));
  const Dataset dataset = TRY(build_dataset(room));
  BacktestOutcome outcome;
  outcome.directory = TRY(next_directory(room.data.root()));
  auto comparison = measure(room, options, dataset, outcome.directory);
  if (!comparison) {
    std::error_code ignored;  // half an evaluation is of no use to anybody
    std::filesystem::remove_all(outcome.directory, ignored);
    return std::unexpected(comparison.error());
  }
  outcome.comparison = std::move(*comparison);
  TRY(write_file_atomically(outcome.directory / "report.md", to_markdown(outcome.comparison)));
  TRY(write_file_atomically(outcome.directory / "report.json", to_json(outcome.comparison)));
  return outcome;
}

}  // namespace palate
