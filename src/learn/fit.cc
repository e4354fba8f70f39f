#include "learn/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>

#include "learn/checkpoint.h"
#include "learn/platt.h"
#include "math/judgement.h"

namespace palate {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

size_t rows_of(const std::vector<Examples>& shards) {
  size_t rows = 0;
  for (const Examples& shard : shards) rows += shard.rows();
  return rows;
}

// Rows whose label is known, and what was computed for them.
struct Known {
  std::vector<double> value;
  std::vector<float> label, weight;
  [[nodiscard]] std::vector<uint8_t> happened() const {
    std::vector<uint8_t> out(label.size());
    std::ranges::transform(label, out.begin(), [](float one) { return one > 0.5F ? 1 : 0; });
    return out;
  }
};

Result<std::vector<Known>> known_of(const Trainer& trainer, const Examples& examples) {
  const auto values = trainer.predict(examples);
  const auto& outputs = trainer.spec().outputs;
  std::vector<Known> all(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto& labels = examples.schema().labels;
    const auto column = std::ranges::find(labels, outputs[i].name) - labels.begin();
    const auto label = examples.label(static_cast<size_t>(column));
    for (size_t row = 0; row < label.size(); ++row) {
      if (!std::isfinite(label[row])) continue;
      all[i].value.push_back(values[i][row]);
      all[i].label.push_back(label[row]);
      all[i].weight.push_back(examples.weight(row));
    }
    if (all[i].label.empty()) {
      return fail(Code::kInvalidArgument, "no held-out example has a label '{}'", outputs[i].name);
    }
  }
  return all;
}

bool is_finite(const Known& known) {
  return std::ranges::all_of(known.value, [](double value) { return std::isfinite(value); });
}

// Of one row: as the step has it (trainer.h), so that what stops training is what is trained.
double loss_of(Loss loss, double value, double label) {
  if (loss == Loss::kSquared) return std::pow(value - label, 2);
  return std::max(value, 0.0) + std::log1p(std::exp(-std::abs(value))) - label * value;
}

OutputQuality quality_of(const Known& known, Loss loss, Platt calibration = {}) {
  OutputQuality quality;
  if (!is_finite(known)) {
    quality.loss = std::numeric_limits<double>::infinity();
    return quality;
  }
  std::vector<double> value(known.value.size());
  double total = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const double weight = known.weight[i];
    value[i] = calibration.slope * known.value[i] + calibration.shift;
    quality.loss += weight * loss_of(loss, value[i], known.label[i]);
    total += weight;
  }
  quality.loss /= std::max(total, 1e-12);
  if (loss == Loss::kBinary) quality.auc = auc(value, known.happened());
  return quality;
}

double total_of(const std::vector<OutputQuality>& qualities, const std::vector<Task>& tasks) {
  double total = 0;
  for (size_t i = 0; i < qualities.size(); ++i) total += tasks[i].weight * qualities[i].loss;
  return total;
}

}  // namespace

double Schedule::rate(int64_t step) const {
  if (step <= warmup_steps) return static_cast<double>(step) / static_cast<double>(warmup_steps);
  if (total_steps <= warmup_steps) return 1;
  const double done = std::min(1.0, static_cast<double>(step - warmup_steps) /
                                        static_cast<double>(total_steps - warmup_steps));
  return floor + (1 - floor) * (1 + std::cos(std::numbers::pi * done)) / 2;
}

namespace {

// The epochs, with the best of them.
class Fitting {
 public:
  Fitting(Trainer& trainer, const FitData& data, const FitOptions& options)
      : trainer_(trainer), data_(data), options_(options) {
    const size_t rows = rows_of(data.training);
    const size_t batches = (rows + options.batches.rows - 1) / options.batches.rows;
    schedule_.warmup_steps = options.warmup_steps;
    schedule_.total_steps = options.cosine ? static_cast<int64_t>(batches) * options.epochs : 0;
  }

  Result<FitOutcome> run(const FitWatch& watch) {
    TRY(resume());
    while (!finished()) {
      const int epoch = static_cast<int>(outcome_.epochs.size());
      EpochReport report{.epoch = epoch, .held_out = {}};
      const double loss = TRY(train_epoch(report, watch.stop));
      if (!diverged(loss)) report.held_out = TRY(judge());
      const double total = total_of(report.held_out, trainer_.tasks());
      outcome_.diverged = report.held_out.empty() || !std::isfinite(total);
      if (outcome_.diverged) break;
      if (!best_ || total < best_loss_) {
        best_ = trainer_.snapshot();
        best_loss_ = total;
        outcome_.best_epoch = epoch;
      }
      outcome_.epochs.push_back(report);
      if (watch.epoch) watch.epoch(report);
      TRY(save());
    }
    if (!best_) {
      return fail(
          Code::kInvalidArgument,
          "training diverged in its first epoch: lower the learning rate, or clip gradients");
    }
    trainer_.finish(*best_);
    TRY(calibrate());
    return outcome_;
  }

 private:
  Result<double> train_epoch(EpochReport& report, const std::stop_token& stop) {
    const auto start = Clock::now();
    ExampleBatches batches(data_.training, options_.batches, static_cast<uint64_t>(report.epoch));
    const double plateau = plateau_rate();
    double sum = 0, rows = 0;
    while (const ExampleBatch* batch = batches.next()) {
      if (stop.stop_requested()) return fail(Code::kCancelled, "training was stopped");
      const double loss = trainer_.step(*batch, plateau * schedule_.rate(trainer_.steps() + 1));
      if (!std::isfinite(loss)) return loss;
      sum += loss * static_cast<double>(batch->rows);
      rows += static_cast<double>(batch->rows);
    }
    report.seconds = seconds_since(start);
    report.rows_per_s = rows / report.seconds;
    report.training_loss = sum / rows;
    return report.training_loss;
  }

  bool finished() const {
    const int done = static_cast<int>(outcome_.epochs.size());
    return done >= options_.epochs ||
           (done > 0 && done - 1 - outcome_.best_epoch >= options_.patience);
  }

  // Where the newest checkpoint says, if there is one.
  Status resume() {
    if (options_.checkpoint.empty()) return {};
    const auto newest = TRY(newest_checkpoint(options_.checkpoint));
    if (!newest) return {};
    const auto artefact = TRY(Artefact::open(*newest));
    best_ = TRY(trainer_.resume(*artefact));
    outcome_.epochs = TRY(reports_of(*artefact));
    for (const EpochReport& report : outcome_.epochs) {
      const double total = total_of(report.held_out, trainer_.tasks());
      if (report.epoch > 0 && total >= best_loss_) continue;
      best_loss_ = total;
      outcome_.best_epoch = report.epoch;
    }
    return {};
  }

  Status save() const {
    if (options_.checkpoint.empty()) return {};
    return save_checkpoint(options_.checkpoint, trainer_, best_.get(), outcome_.epochs);
  }

  bool diverged(double loss) const {
    if (!std::isfinite(loss)) return true;
    if (outcome_.epochs.empty()) return false;
    const double first = outcome_.epochs.front().training_loss;  // corrected labels: may be below 0
    return loss > first + (options_.diverged - 1) * std::abs(first);
  }

  // The calibration that `known` asks for; none where it is switched off.
  Platt calibration_of(const Known& known, Loss loss) const {
    if (!options_.calibrate || loss != Loss::kBinary || !is_finite(known)) return {};
    return fit_platt(known.value, known.label, known.weight);
  }

  // As it would be served: calibrated.
  Result<std::vector<OutputQuality>> judge() const {
    std::vector<OutputQuality> qualities;
    const auto known = TRY(known_of(trainer_, data_.held_out));
    for (size_t i = 0; i < known.size(); ++i) {
      const Loss loss = trainer_.tasks()[i].loss;
      qualities.push_back(quality_of(known[i], loss, calibration_of(known[i], loss)));
    }
    return qualities;
  }

  Status calibrate() {
    outcome_.outputs = trainer_.spec().outputs;
    const auto known = TRY(known_of(trainer_, data_.held_out));
    for (size_t i = 0; i < known.size(); ++i) {
      const Loss loss = trainer_.tasks()[i].loss;
      const Platt calibration = calibration_of(known[i], loss);
      outcome_.outputs[i].slope = static_cast<float>(calibration.slope);
      outcome_.outputs[i].shift = static_cast<float>(calibration.shift);
      outcome_.held_out.push_back(quality_of(known[i], loss, calibration));
    }
    return {};
  }

  // What epochs without a better held-out loss have made of the rates.
  double plateau_rate() const {
    double rate = 1, best = std::numeric_limits<double>::infinity();
    for (const EpochReport& report : outcome_.epochs) {
      const double total = total_of(report.held_out, trainer_.tasks());
      if (total >= best) rate *= options_.plateau;
      best = std::min(best, total);
    }
    return rate;
  }

  Trainer& trainer_;
  const FitData& data_;
  const FitOptions& options_;
  Schedule schedule_;
  FitOutcome outcome_;
  std::shared_ptr<const Trainer::Snapshot> best_;
  double best_loss_ = 0;
};

}  // namespace

Result<FitOutcome> fit(Trainer& trainer, const FitData& data, const FitOptions& options,
                       const FitWatch& watch) {
  const size_t rows = rows_of(data.training);
  if (rows == 0 || data.held_out.rows() == 0) {
    return fail(Code::kInvalidArgument,
                "{} examples to learn from and {} held out: both are needed", rows,
                data.held_out.rows());
  }
  return Fitting(trainer, data, options).run(watch);
}

}  // namespace palate
