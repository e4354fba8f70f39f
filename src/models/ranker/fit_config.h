// How a network is trained: [training]. Free of LibTorch; palate-train makes options of room learn
// out of it.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"

namespace palate {

struct TrainingConfig {
  int epochs = 50;
  int patience = 4;
  int batch = 4096;
  int readers = 1;
  int parts = 2;
  int threads = 0;
  int64_t seed = 1;
  std::string optimizer = "adam";
  std::string table_optimizer = "adam";
  double learning_rate = 0.001;
  double table_learning_rate = 0.001;
  double weight_decay = 0;
  double l2 = 0;
  double table_l2 = 0;
  bool table_decay_all = false;
  double table_sigma = 0.01;
  double average = 0;
  double clip_norm = 0;
  int warmup_steps = 0;
  bool cosine = false;
  double plateau = 1;
  std::string calibration = "platt";
  std::vector<std::string> loss_weights;      // "label=weight"
  std::vector<std::string> positive_weights;  // likewise
  std::string balance = "fixed";
  double huber = 0;
  std::string group_column;
  double group_weight = 0;
  std::string layers = "fp32";
  std::string tables = "fp32";
  std::string checkpoint;

  static void fields(FieldVisitor<TrainingConfig>& field);
};

}  // namespace palate
