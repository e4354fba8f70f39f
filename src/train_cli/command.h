// A command of palate-train: one file each, one line in main.cc.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "base/config.h"
#include "base/result.h"
#include "models/gbdt/train_config.h"
#include "models/ranker/fit_config.h"
#include "models/ranker/ranker_network.h"

namespace CLI {
class App;
}

namespace palate {

struct TrainSettings {
  RankerConfig ranker;
  TrainingConfig training;
  TreesConfig trees;
};

// Declares its flags and returns what to run once they are parsed.
std::function<Status()> declare_fit(CLI::App& app, const TrainSettings& settings);
std::function<Status()> declare_trees(CLI::App& app, const TrainSettings& settings);
std::function<Status()> declare_judge(CLI::App& app);
std::function<Status()> declare_precisions(CLI::App& app);
std::function<Status()> declare_blend(CLI::App& app);
std::function<Status()> declare_ids(CLI::App& app);
std::function<Status()> declare_importance(CLI::App& app);
std::function<Status()> declare_towers(CLI::App& app);

}  // namespace palate
