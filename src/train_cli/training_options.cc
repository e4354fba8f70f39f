#include "train_cli/training_options.h"

namespace palate {

Result<TrainerOptions> trainer_options(const TrainingConfig& config, size_t outputs) {
  TrainerOptions options;
  options.tasks.resize(outputs);
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
  options.calibrate = config.calibrate;
  options.checkpoint = config.checkpoint;
  return options;
}

}  // namespace palate
