// palate-train, as trainers of models call it: networks are trained there, since only it has
// LibTorch.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/config.h"
#include "base/file.h"
#include "base/result.h"

namespace palate {

// Where PALATE_TRAIN says, or beside this program. `who`: "rankers", for the message. Errors:
// kUnavailable where it is not there.
Result<Path> find_palate_train(std::string_view who);

// What differs from the defaults, as flags of palate-train: "--training.epochs=3".
void add_flags(const ConfigSchema& schema, const ConfigSchema& defaults,
               std::vector<std::string>& arguments);
template <class Config>
void add_flags(const std::string& section, const Config& config,
               std::vector<std::string>& arguments) {
  Config copy = config, plain;
  ConfigSchema schema, defaults;
  schema.add(section, copy);
  defaults.add(section, plain);
  add_flags(schema, defaults, arguments);
}

struct TrainProgramCall {
  std::string_view kind;               // of what is trained, for messages
  std::vector<std::string> arguments;  // without the program
  Path directory;                      // for what it prints
};
// The last line that it prints, as JSON. Errors: what it says when it fails (kUnavailable), and
// kCancelled.
Result<nlohmann::json> run_palate_train(const TrainProgramCall& call, const std::stop_token& stop);

}  // namespace palate
