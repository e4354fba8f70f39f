// A slate at the shell: the live release of a data directory, and how a slate is printed.
#pragma once

#include <memory>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.h"
#include "recommend/recommender.h"

namespace palate {

// A data directory opened beside a running writer, with the recommender of its current release.
struct LiveRelease {
  std::unique_ptr<DataDirectory> data;
  std::shared_ptr<const Recommender> recommender;
  // Errors: kNotFound without a data directory, kUnavailable before the first training.
  static Result<LiveRelease> open(const Context& context);
};

nlohmann::ordered_json slate_json(const Slate& slate);
void print_slate(const Slate& slate);
void print_trace(std::span<const StageTrace> trace);  // nothing where there is none

}  // namespace palate
