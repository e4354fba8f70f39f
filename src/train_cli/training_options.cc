#include "train_cli/training_options.h"

#include <algorithm>
#include <charconv>

namespace palate {

namespace {

Loss loss_of(const Output& output, double huber) {
  if (output.link == Link::kOrdinal) return Loss::kOrdinal;
  if (output.link == Link::kSigmoid) return Loss::kBinary;
  return huber > 0 ? Loss::kHuber : Loss::kSquared;
}

// "label=weight" into a task's number.
Status set_weights(const std::vector<std::string>& texts, const std::vector<Output>& outputs,
                   double Task::* which, std::vector<Task>& tasks) {
  for (const std::string& text : texts) {
    const size_t equals = std::min(text.rfind('='), text.size());
    const auto output = std::ranges::find(outputs, text.substr(0, equals), &Output::name);
    double weight = 0;
    const char* begin = text.data() + std::min(equals + 1, text.size());
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, weight);
    if (output == outputs.end() || begin == end || error != std::errc() || stop != end ||
        !(weight >= 0 && weight <= 1e6)) {
      return fail(Code::kInvalidArgument,
                  "training: '{}' is not 'label=weight' of a label that is learnt", text);
    }
    tasks[static_cast<size_t>(output - outputs.begin())].*which = weight;
  }
  return {};
}

}  // namespace

Result<TrainerOptions> trainer_options(const TrainingConfig& config,
                                       const std::vector<Output>& outputs) {
  TrainerOptions options;
  for (const Output& output : outputs) {
    options.tasks.push_back({.loss = loss_of(output, config.huber)});
    if (config.huber > 0) options.tasks.back().huber = config.huber;
  }
  TRY(set_weights(config.loss_weights, outputs, &Task::weight, options.tasks));
  TRY(set_weights(config.positive_weights, outputs, &Task::positive_weight, options.tasks));
  if (config.balance != "fixed") {
    options.balance = config.balance == "pcgrad" ? Balance::kPcgrad : Balance::kUncertainty;
  }
  options.groups = {.column = config.group_column, .weight = config.group_weight};
  options.dense = {.rule = TRY(parse_rule(config.optimizer)),
                   .learning_rate = config.learning_rate,
                   .weight_decay = config.weight_decay,
                   .l2 = config.l2};
  options.tables = {.rule = TRY(parse_rule(config.table_optimizer)),
                    .learning_rate = config.table_learning_rate,
                    .l2 = config.table_l2};
  options.table = {
      .sigma = config.table_sigma, .average = config.average, .decay_all = config.table_decay_all};
  options.clip_norm = config.clip_norm;
  options.parts = static_cast<size_t>(config.parts);
  options.seed = static_cast<uint64_t>(config.seed);
  return options;
}

FitOptions fit_options(const TrainingConfig& config) {
  FitOptions options;
  options.batches = {.rows = static_cast<size_t>(config.batch),
                     .seed = static_cast<uint64_t>(config.seed),
                     .readers = static_cast<size_t>(config.readers)};
  options.epochs = config.epochs;
  options.patience = config.patience;
  options.warmup_steps = config.warmup_steps;
  options.cosine = config.cosine;
  options.plateau = config.plateau;
  if (config.calibration == "none") options.calibration = Calibration::kNone;
  if (config.calibration == "temperature") options.calibration = Calibration::kTemperature;
  if (config.calibration == "isotonic") options.calibration = Calibration::kIsotonic;
  options.checkpoint = config.checkpoint;
  return options;
}

}  // namespace palate
