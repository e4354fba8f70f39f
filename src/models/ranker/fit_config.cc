#include "models/ranker/fit_config.h"

namespace palate {

void TrainingConfig::fields(FieldVisitor<TrainingConfig>& field) {
  const FieldRange rate{.min = 1e-9, .max = 10}, share{.min = 0, .max = 0.999999},
      above{.min = 0, .max = 1e6};
  field("epochs", &TrainingConfig::epochs, {.min = 1, .max = 10000},
        "Passes over the examples, at most");
  field("patience", &TrainingConfig::patience, {.min = 1, .max = 10000},
        "Epochs without a smaller held-out loss before training stops");
  field("batch", &TrainingConfig::batch, {.min = 2, .max = 1 << 20, .unit = "examples"},
        "Of one step");
  field("readers", &TrainingConfig::readers, {.min = 1, .max = 64, .unit = "threads"},
        "That read batches ahead");
  field("parts", &TrainingConfig::parts, {.min = 1, .max = 256},
        "A batch is worked on in so many parts side by side: as many as there are cores to use. "
        "Batch norms see a part each, so results depend on it");
  field("threads", &TrainingConfig::threads, {.min = 0, .max = 1024},
        "That compute; 0: all there are");
  field("seed", &TrainingConfig::seed, {.min = 0}, "Of first values, order and dropout");
  field("optimizer", &TrainingConfig::optimizer, {.one_of = {"sgd", "adagrad", "adam", "lamb"}},
        "Of dense parameters");
  field("table_optimizer", &TrainingConfig::table_optimizer, {.one_of = {"sgd", "adagrad", "adam"}},
        "Of embeddings; adagrad keeps one number a row");
  field("learning_rate", &TrainingConfig::learning_rate, rate, "Of dense parameters");
  field("table_learning_rate", &TrainingConfig::table_learning_rate, rate, "Of embeddings");
  field("weight_decay", &TrainingConfig::weight_decay, above,
        "Of dense parameters, beside the gradient (AdamW)");
  field("l2", &TrainingConfig::l2, above, "Of dense parameters, in the gradient");
  field("table_l2", &TrainingConfig::table_l2, above, "Of embeddings, in the gradient");
  field("table_decay_all", &TrainingConfig::table_decay_all, {},
        "Whether table_l2 pulls at all rows in each step, which costs time in large tables, or at "
        "those of the batch");
  field("table_sigma", &TrainingConfig::table_sigma, above,
        "Standard deviation of first values of embeddings");
  field(
      "average", &TrainingConfig::average, share,
      "Decay of an exponential moving average of all parameters, which is what is served; 0: none");
  field("clip_norm", &TrainingConfig::clip_norm, above,
        "Longest gradient of dense parameters; 0: any");
  field("warmup_steps", &TrainingConfig::warmup_steps, {.min = 0, .max = 1e9},
        "In which the rates rise from 0");
  field("cosine", &TrainingConfig::cosine, {}, "Rates fall along a cosine until the last epoch");
  field("plateau", &TrainingConfig::plateau, {.min = 1e-6, .max = 1},
        "What an epoch without a smaller held-out loss multiplies all later rates by");
  field("calibration", &TrainingConfig::calibration,
        {.one_of = {"platt", "temperature", "isotonic", "none"}},
        "Of probabilities, on the held-out examples: a slope and a shift, a slope, or a line that "
        "never falls, which wants some thousands of them");
  field("loss_weights", &TrainingConfig::loss_weights, {},
        "What labels count in the loss beside the others: 'label=weight'; 1 where nothing is said");
  field("positive_weights", &TrainingConfig::positive_weights, {},
        "What an example counts where the label is 1, of labels that are probabilities: "
        "'label=weight'");
  field("balance", &TrainingConfig::balance, {.one_of = {"fixed", "uncertainty", "pcgrad"}},
        "How the losses of several labels become one: by their weights, by learnt ones (Kendall), "
        "or without the parts of gradients that work against each other (PCGrad)");
  field("huber", &TrainingConfig::huber, above,
        "Standard deviations of a quantity beyond which errors count linearly (Huber); 0: they "
        "count squared");
  field("group_column", &TrainingConfig::group_column, {},
        "Column of one id whose groups should be promised as much on average");
  field("group_weight", &TrainingConfig::group_weight, above,
        "How much it costs if they are not: the mean of squares of what groups' mean "
        "probabilities are off; 0: nothing");
  field("layers", &TrainingConfig::layers, {.one_of = {"fp32", "bf16", "int8"}},
        "What layers multiply in where the network is served; it is trained in fp32. "
        "`palate-train precisions` tells what each loses");
  field("tables", &TrainingConfig::tables, {.one_of = {"fp32", "bf16", "int8", "int4"}},
        "What embeddings are kept in where they are served");
  field("checkpoint", &TrainingConfig::checkpoint, {},
        "A directory for the state after each epoch; training goes on from there. Empty: none");
}

}  // namespace palate
