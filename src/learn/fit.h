// Training to the end: epochs over examples in a seeded order, a schedule of rates, early stopping
// on held-out examples, a stop where the loss diverges, and calibration.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/file.h"
#include "learn/trainer.h"

namespace palate {

struct Schedule {
  int64_t warmup_steps = 0;  // the rate rises from 0
  // Then cosine: from 1 down to `floor` over `total_steps` (Loshchilov and Hutter 2017), or flat.
  int64_t total_steps = 0;  // 0: flat
  double floor = 0;
  [[nodiscard]] double rate(int64_t step) const;
};

// How probabilities are made those of the held-out examples: by slope and shift (platt.h), a slope
// alone, or a line that never falls (isotonic.h).
enum class Calibration : uint8_t { kNone, kPlatt, kTemperature, kIsotonic };

struct FitOptions {
  BatchOptions batches;
  int epochs = 20;
  int patience = 3;  // epochs without a better validation loss before it is enough
  int warmup_steps = 0;
  bool cosine = false;
  double plateau = 1;  // what an epoch without a better loss multiplies all later rates by
  Calibration calibration = Calibration::kPlatt;  // of binary outputs
  double diverged = 10;  // times the first epoch's loss, or not finite: training has diverged
  Path checkpoint;       // a directory for the state after each epoch; empty: none
  std::string of_what;   // settings and data: a checkpoint of others is refused
};

// How well one output does on held-out examples whose label is known.
struct OutputQuality {
  std::optional<double> auc;  // binary; a label above 0.5 counts as one that happened
  double loss = 0;            // as trained, by the weights of rows; may be below 0 (losses.h); of
                              // quantities in the unit of the scaled label
  std::optional<double> rmse = {};  // of quantities and levels, in the label's unit
  std::optional<double> gap =
      {};  // of probabilities, between groups, where there is a penalty on it
};
struct EpochReport {
  int epoch = 0;
  double training_loss = 0;
  // Calibrated where FitOptions says so; by Platt where that is isotonic, whose line follows the
  // held-out examples too closely to say which epoch is best.
  std::vector<OutputQuality> held_out;
  double seconds = 0;
  double rows_per_s = 0;  // of training alone
};

struct FitOutcome {
  int best_epoch = 0;
  bool diverged = false;  // that is why it ended; what is left is the best epoch before
  std::vector<EpochReport> epochs;
  std::vector<OutputQuality> held_out;  // of the best, calibrated
  std::vector<Output> outputs;          // as the spec's, with their calibration
};

struct FitData {
  std::vector<Examples> training;  // shards of one schema
  Examples held_out;
};

// Who watches, and may end it.
struct FitWatch {
  std::function<void(const EpochReport&)> epoch = nullptr;
  std::stop_token stop = {};
};

// Trains `trainer` and leaves it at the best epoch: the least weighted sum of losses on the
// held-out. Goes on from the checkpoint where there is one of the same network. Errors: kCancelled,
// kInvalidArgument (a label that is never known, nothing held out, settings with which no epoch was
// good).
Result<FitOutcome> fit(Trainer& trainer, const FitData& data, const FitOptions& options,
                       const FitWatch& watch = {});

}  // namespace palate
