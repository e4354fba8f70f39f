// The features of a user and some items, read from a data directory: what serving would read now,
// or what was known at a position of the log.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/data_directory.h"

namespace palate {

struct FeatureQuestion {
  std::string user;
  std::vector<std::string> items;
  std::vector<std::string> names;  // empty: all
  std::string region;
  std::optional<AsOf> as_of;  // not given: as serving reads them
  std::optional<TimeUs> now;  // not given: the clock's
};

struct FeatureAnswer {
  AsOf as_of;
  bool known_user = false;
  std::vector<std::string> names;
  std::vector<std::string> items;
  std::vector<float> values;  // items × names
};

// Errors: kNotFound for an item that is not there (then), kInvalidArgument for names and positions.
Result<FeatureAnswer> read_features(DataDirectory& data, const EventTypes& types,
                                    const FeatureQuestion& question, std::stop_token stop);

}  // namespace palate
