// A command of palate-train: one file each, one line in main.cc.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "base/command_flags.h"
#include "base/config.h"
#include "base/result.h"
#include "models/gbdt/train_config.h"
#include "models/ranker/fit_config.h"
#include "models/ranker/ranker_network.h"

namespace palate {

struct TrainSettings {
  RankerConfig ranker;
  TrainingConfig training;
  TreesConfig trees;
};

// Declares its flags and returns what to run once they are parsed.
std::function<Status()> declare_fit(CommandFlags& command, const TrainSettings& settings);
std::function<Status()> declare_trees(CommandFlags& command, const TrainSettings& settings);
std::function<Status()> declare_judge(CommandFlags& command);
std::function<Status()> declare_precisions(CommandFlags& command);
std::function<Status()> declare_blend(CommandFlags& command);
std::function<Status()> declare_ids(CommandFlags& command);
std::function<Status()> declare_importance(CommandFlags& command);
std::function<Status()> declare_towers(CommandFlags& command);

}  // namespace palate
