#include "learn/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>

#include "infer/plain_network.h"
#include "learn/checkpoint.h"
#include "learn/isotonic.h"
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
  std::vector<uint32_t> group;  // where there is a penalty on groups
  [[nodiscard]] std::vector<uint8_t> happened() const {
    std::vector<uint8_t> out(label.size());
    std::ranges::transform(label, out.begin(), [](float one) { return one > 0.5F ? 1 : 0; });
    return out;
  }
};

Result<std::vector<Known>> known_of(const Trainer& trainer, const Examples& examples) {
  const auto values = trainer.predict(examples);
  const auto& outputs = trainer.spec().outputs;
  const auto& ids = examples.schema().ids;
  const auto groups = static_cast<size_t>(
      std::ranges::find(ids, trainer.group_column(), &IdColumn::name) - ids.begin());
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
      if (groups < ids.size()) all[i].group.push_back(examples.ids(groups, row).front());
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

// Of one row: as the step has it (losses.h), so that what stops training is what is trained. Of a
// probability that is read off a line, nothing is further off than 1e-15.
double binary_loss(const Output& output, double value, double label) {
  if (output.at.empty()) {
    const double x = output.slope * value + output.shift;
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))) - label * x;
  }
  constexpr double kLeast = 1e-15;
  const double p = std::clamp(plain::promised(output, value), kLeast, 1 - kLeast);
  return -label * std::log(p) - (1 - label) * std::log1p(-p);
}

// Of levels: the sum of what passing each costs.
double ordinal_loss(const Output& output, double value, double label) {
  double loss = 0;
  for (size_t k = 0; k < output.thresholds.size(); ++k) {
    const double x = output.slope * value + output.shift + output.thresholds[k];
    const double wrong = label > static_cast<double>(k + 1) ? -x : x;
    loss += std::max(wrong, 0.0) + std::log1p(std::exp(-std::abs(wrong)));
  }
  return loss;
}

double loss_at(const Task& task, double off) {
  if (task.loss == Loss::kSquared) return off * off;
  const double far = std::abs(off);
  return far <= task.huber ? off * off / 2 : task.huber * (far - task.huber / 2);
}

// Of quantities and levels: what is off is measured in `unit`s.
OutputQuality quality_of_numbers(const Known& known, const Task& task, const Output& output,
                                 double unit) {
  OutputQuality quality;
  double squares = 0;
  for (size_t i = 0; i < known.value.size(); ++i) {
    const double off = plain::promised(output, known.value[i]) - known.label[i];
    squares += off * off;
    quality.loss += task.loss == Loss::kOrdinal
                        ? ordinal_loss(output, known.value[i], known.label[i])
                        : loss_at(task, off / unit);
  }
  const auto rows = static_cast<double>(known.value.size());
  quality.loss /= rows;
  quality.rmse = std::sqrt(squares / rows);
  return quality;
}

// `output`: as it is served.
OutputQuality quality_of(const Known& known, const Task& task, const Output& output, double unit) {
  OutputQuality quality;
  if (!is_finite(known)) {
    quality.loss = std::numeric_limits<double>::infinity();
    return quality;
  }
  if (task.loss != Loss::kBinary) return quality_of_numbers(known, task, output, unit);
  std::vector<double> probability(known.value.size());
  double total = 0;
  for (size_t i = 0; i < probability.size(); ++i) {
    probability[i] = plain::promised(output, known.value[i]);
    const double weight = known.weight[i];
    quality.loss += weight * binary_loss(output, known.value[i], known.label[i]);
    total += weight;
  }
  quality.loss /= std::max(total, 1e-12);
  quality.auc = auc(probability, known.happened());
  if (!known.group.empty()) quality.gap = largest_gap(probability, known.group);
  return quality;
}

// With what `calibration` asks for.
Output calibrated(Output output, const Known& known, Calibration calibration) {
  const auto happened = known.happened();
  if (calibration == Calibration::kPlatt) {
    const Platt platt = fit_platt(known.value, known.label, known.weight);
    output.slope = static_cast<float>(platt.slope);
    output.shift = static_cast<float>(platt.shift);
  } else if (calibration == Calibration::kTemperature) {
    output.slope = static_cast<float>(fit_temperature(known.value, happened));
  } else if (calibration == Calibration::kIsotonic) {
    std::vector<double> probability(known.value.size());
    std::ranges::transform(known.value, probability.begin(),
                           [&](double value) { return plain::promised(output, value); });
    Isotonic line = fit_isotonic(probability, happened);
    output.at = std::move(line.at);
    output.gives = std::move(line.gives);
  }
  return output;
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
    trainer_.settle_unread(data_.training);
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
    TRY(check_of_what(*artefact, options_));
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
    return save_checkpoint(options_, trainer_, best_.get(), outcome_.epochs);
  }

  bool diverged(double loss) const {
    if (!std::isfinite(loss)) return true;
    if (outcome_.epochs.empty()) return false;
    const double first = outcome_.epochs.front().training_loss;  // corrected labels: may be below 0
    return loss > first + (options_.diverged - 1) * std::abs(first);
  }

  // What is served of each output, and how well that does.
  struct Served {
    std::vector<Output> outputs;
    std::vector<OutputQuality> qualities;
  };
  Result<Served> serve(Calibration calibration) const {
    Served served{trainer_.outputs(), {}};
    const auto known = TRY(known_of(trainer_, data_.held_out));
    for (size_t i = 0; i < known.size(); ++i) {
      const Task& task = trainer_.tasks()[i];
      Output& output = served.outputs[i];
      if (task.loss == Loss::kBinary && is_finite(known[i])) {
        output = calibrated(output, known[i], calibration);
      }
      const double unit = trainer_.label_scales()[i].deviation;
      served.qualities.push_back(quality_of(known[i], task, output, unit));
    }
    return served;
  }

  Result<std::vector<OutputQuality>> judge() const {
    const bool isotonic = options_.calibration == Calibration::kIsotonic;
    return TRY(serve(isotonic ? Calibration::kPlatt : options_.calibration)).qualities;
  }

  Status calibrate() {
    Served served = TRY(serve(options_.calibration));
    outcome_.outputs = std::move(served.outputs);
    outcome_.held_out = std::move(served.qualities);
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
