// Published fixed splits: what is test comes from a file of events, users and items by their
// external ids; training is what the log has.
#pragma once

#include <stop_token>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "dataset/split.h"
#include "events/column_mapping.h"
#include "ids/keyed_hash.h"

namespace palate {

// What becomes of a test row whose pair of user and item the log has, too.
enum class InTraining : uint8_t {
  kRefuse,   // an error: such a split leaks
  kDrop,     // the test row is left out
  kHoldOut,  // the log's rows of the pair are no training rows: for a log that has everything
};

struct TestFile {
  Path path;
  ColumnMapping mapping = {};
  InTraining in_training = InTraining::kRefuse;
  const EventTypes* types = nullptr;
  const KeyedHash* hash = nullptr;
};

struct FileSplit {
  Dataset data;  // the log's rows with the file's behind them
  Split split;   // of `data`
};

// Users and items that the log does not have are users and items of the new dataset, without
// training rows: what nobody could have recommended counts as missed. Errors: those of reading;
// kInvalidArgument when the file has no test row, or rows that the log has, too.
Result<FileSplit> split_by_file(const Dataset& data, const TestFile& file, ThreadPool& pool,
                                std::stop_token stop);

}  // namespace palate
