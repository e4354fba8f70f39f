// Finding settings: random search with successive halving (Bergstra and Bengio, JMLR 2012; Jamieson
// and Talwalkar, AISTATS 2016) over the ranges that config fields declare. What a trial is worth is
// somebody else's: a process that trains and measures on a validation slice.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/file.h"
#include "base/result.h"

namespace palate {

// One setting that is searched.
struct TuneRange {
  std::string name;  // "als.alpha"
  double low = 0, high = 0;
  bool log = false, whole = false;
  std::vector<std::string> choices;  // of texts, instead of numbers
};

// The fields of `section` that are marked for tuning, narrowed by `narrowed` ("als.alpha=1:100",
// "mf.solver=als,gibbs"; one that is named is searched even if it is not marked). A range on a
// logarithmic scale that begins at 0 begins at a hundred-millionth of its end. Errors:
// kInvalidArgument for a field that is not there, a range that is none, nothing to search.
Result<std::vector<TuneRange>> tune_space(const std::vector<Field>& fields,
                                          const std::string& section,
                                          const std::vector<std::string>& narrowed);

// The settings of a trial: a function of the seed and its number.
std::map<std::string, std::string> draw_settings(const std::vector<TuneRange>& space, uint64_t seed,
                                                 size_t trial);

struct TuneOptions {
  Path folder;          // of the study; results that lie there are not computed again
  std::string subject;  // what is tuned on what, in one line; another study's folder is refused
  size_t trials = 20;
  size_t halving = 3;  // only the best of so many go on to so many times the effort; 1: all
  size_t rungs = 1;    // how often
  size_t parallel = 1;
  bool smaller_is_better = false;
  uint64_t seed = 1;
};

struct TuneTrial {
  size_t number = 0, rung = 0;
  std::map<std::string, std::string> settings;
  double effort = 1;  // share of the full one
  double value = 0;   // NaN: it failed
  std::string failure;
};

// Runs trials, at most `parallel` at once; fills in value or failure. Errors end the study, what
// was run stays.
using TrialRunner = std::function<Status(std::span<TuneTrial> trials)>;

struct TuneOutcome {
  std::vector<TuneTrial> trials;  // of the last rung that each reached, best first
  size_t run = 0, known = 0;      // trials run now, and found in the folder
};

// The same trials whatever was interrupted. Errors: kConflict for a folder of another study,
// kInvalidArgument when every trial failed, those of the runner.
Result<TuneOutcome> tune(const std::vector<TuneRange>& space, const TuneOptions& options,
                         const TrialRunner& run);

std::string to_json(const TuneOutcome& outcome);
std::string to_markdown(const TuneOutcome& outcome);
// As palate.toml has them.
std::string to_toml(const std::map<std::string, std::string>& settings,
                    const std::vector<TuneRange>& space);

}  // namespace palate
