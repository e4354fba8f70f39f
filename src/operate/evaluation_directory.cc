#include "operate/evaluation_directory.h"

#include <chrono>
#include <filesystem>

#include "base/stop.h"
#include "evaluate/trained_on.h"

namespace palate {

Result<Path> next_evaluation(const Path& root) {
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

Result<MeasuredModel> train_measured(const TrainJob& job, const std::string& kind,
                                     const Path& artefact) {
  const auto start = std::chrono::steady_clock::now();
  auto writer = TRY(ArtefactWriter::create(artefact));
  writer.manifest.version = "backtest-" + artefact.parent_path().filename().string();
  TRY(train_model(kind, job, writer));
  TRY(check_stop(job.stop));
  TRY(writer.commit());
  MeasuredModel measured;
  measured.artefact = TRY(Artefact::open(artefact));
  measured.seen = TRY(trained_on(measured.artefact->manifest()));
  measured.model = TRY(load_model(measured.artefact));
  if (holds_histories(kind, *job.configs)) {
    std::error_code error;
    std::filesystem::remove_all(artefact, error);
    if (error) return std::unexpected(errno_error(error.value(), "remove", artefact));
  }
  measured.train_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return measured;
}

const Model* fallback_of(const std::vector<MeasuredModel>& models) {
  const Model* fallback = nullptr;
  for (const MeasuredModel& measured : models) {
    if (!measured.model->info().personalized) fallback = measured.model.get();
  }
  return fallback;
}

}  // namespace palate
