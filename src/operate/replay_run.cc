#include "operate/replay_run.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "base/progress.h"
#include "operate/evaluation_directory.h"

namespace palate {
namespace {

class Walk {
 public:
  Walk(const TrainingRoom& room, const ReplayRunOptions& options, const Dataset& data)
      : room_(room), kinds_(options.kinds), data_(data), profiles_(profiles_of(room)) {
    report_.options = options.replay;
    report_.options.limits.types = &room.types;
    report_.items = data.items();
    report_.interactions = data.interactions();
    for (const std::string& kind : kinds_) {
      report_.models.emplace_back();
      report_.models.back().kind = kind;
    }
  }

  Result<ReplayReport> run(const Path& directory) {
    const auto steps = TRY(replay_steps(data_, report_.options));
    Progress progress("Replaying", steps.size(), "steps");
    for (const ReplayStep& step : steps) {
      if (step.trains) TRY(train(step, directory));
      for (size_t m = 0; m < kinds_.size(); ++m) TRY(serve(step, m));
      progress.add();
    }
    if (report_.models[0].users.empty()) {
      return fail(Code::kInvalidArgument,
                  "nobody likes anything new in the {} steps from {} on, so there is nothing to "
                  "measure; walk more steps, or longer ones",
                  steps.size(), format_rfc3339(steps.front().from));
    }
    report_.leak_check = fmt::format(
        "passed: each of {} trainings saw exactly the rows before its position in the log",
        trainings_);
    finish_replay(report_, room_.pool);
    return std::move(report_);
  }

 private:
  Status train(const ReplayStep& step, const Path& directory) {
    const Dataset past = rows_before(data_, step.begin);
    const DatasetView everything(past);
    TrainJob job = train_job(room_, everything);
    const auto scratch = TRY(PendingDirectory::create(directory / "models"));  // goes again
    std::vector<MeasuredModel> before = std::exchange(models_, {});
    for (size_t m = 0; m < kinds_.size(); ++m) {
      // As a server's trainings go on from the release before, which knew less than this one may.
      if (!before.empty()) job.previous = before[m].artefact;
      auto made = TRY(train_measured(job, kinds_[m], scratch.path() / kinds_[m]));
      TRY(check_replay_leak(past, step.begin, made.seen));
      report_.models[m].train_s += made.train_s;
      ++report_.models[m].trainings;
      models_.push_back(std::move(made));
      ++trainings_;
    }
    trained_at_ = step;
    return {};
  }

  Status serve(const ReplayStep& step, size_t m) {
    ServeJob job;
    job.model = models_[m].model.get();
    job.fallback = fallback_of(models_);
    job.data = &data_;
    job.step = step;
    job.trained_at = trained_at_;
    job.options = &report_.options;
    job.pool = &room_.pool;
    job.stop = room_.stop;
    job.profile_of = profiles_;
    const auto start = std::chrono::steady_clock::now();
    const StepServed served = TRY(serve_step(job));
    ReplayModel& model = report_.models[m];
    model.serve_s +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    model.add(served);
    model.points.push_back(replay_point(served, step, report_.options, room_.pool));
    return {};
  }

  const TrainingRoom& room_;
  const std::vector<std::string>& kinds_;
  const Dataset& data_;
  const ProfileOf profiles_;
  ReplayReport report_;
  std::vector<MeasuredModel> models_;
  ReplayStep trained_at_;
  size_t trainings_ = 0;
};

Status write_reports(const ReplayReport& report, const Path& directory) {
  TRY(write_file_atomically(directory / "report.md", to_markdown(report)));
  TRY(write_file_atomically(directory / "report.html", to_html(report)));
  return write_file_atomically(directory / "report.json", to_json(report));
}

}  // namespace

Result<ReplayOutcome> run_replay(const TrainingRoom& room, const ReplayRunOptions& options) {
  TRY(check_kinds(options.kinds));
  const Dataset data = TRY(build_dataset(room));
  ReplayOutcome outcome;
  outcome.directory = TRY(next_evaluation(room.data.root()));
  auto report = Walk(room, options, data).run(outcome.directory);
  if (!report || !options.keep) {
    std::error_code ignored;  // half an evaluation is of no use to anybody
    std::filesystem::remove_all(outcome.directory, ignored);
    outcome.directory.clear();
  }
  outcome.report = TRY(std::move(report));
  if (options.keep) TRY(write_reports(outcome.report, outcome.directory));
  return outcome;
}

}  // namespace palate
