// Labelled examples in columns: what a ranker learns from. A row is something that was shown, or
// might have been, and what followed. In memory, or a mapped artefact of kind "examples"
// (docs/formats/examples.md). Immutable, thread-safe, cheap to copy.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace palate {

// A column of ids in [0, vocabulary); 0 stands for everything that is not known. Networks do not
// read columns whose names begin with kAside.
inline constexpr char kAside = '_';
struct IdColumn {
  std::string name;
  uint32_t vocabulary = 0;
  bool many = false;        // any number of ids a row, not just one
  bool of_request = false;  // the same for all candidates of a request
  bool sum = false;         // many: they are the rows of one id, one at least, and added up
  // Whether a row has any number of ids.
  [[nodiscard]] bool bag() const { return many && !sum; }
  bool operator==(const IdColumn&) const = default;
};

// A column of `width` numbers a row; one that is not finite is missing.
struct NumberColumn {
  std::string name;
  uint32_t width = 1;
  bool of_request = false;
  bool operator==(const NumberColumn&) const = default;
};

struct ExampleSchema {
  std::vector<IdColumn> ids;
  std::vector<NumberColumn> numbers;
  std::vector<std::string> labels;  // a number each; NaN: nobody knows, and the loss leaves it out
  bool operator==(const ExampleSchema&) const = default;
};

// The columns of some rows, in the order of the schema.
struct ExampleColumns {
  struct Ids {
    std::vector<uint32_t> values;
    std::vector<uint64_t> start;  // rows + 1 where the column has many, else empty
  };
  std::vector<Ids> ids;
  std::vector<std::vector<float>> numbers;  // rows × width each
  std::vector<std::vector<float>> labels;
  std::vector<float> weights;  // finite, none below 0; empty: 1 each
};

class Examples {
 public:
  // Errors: kInvalidArgument with the column and what does not fit (lengths, an id outside its
  // vocabulary, a weight that is negative or not finite).
  static Result<Examples> from_columns(ExampleSchema schema, ExampleColumns columns);
  // Errors: kCorrupt, kUnsupportedVersion, kNotFound. Ids are checked while they are read in.
  static Result<Examples> open(const Path& path);
  Status save(const Path& path) const;

  [[nodiscard]] const ExampleSchema& schema() const;
  [[nodiscard]] size_t rows() const;
  // The ids of a row: one, or any number.
  [[nodiscard]] std::span<const uint32_t> ids(size_t column, size_t row) const;
  [[nodiscard]] std::span<const float> numbers(size_t column, size_t row) const;
  [[nodiscard]] std::span<const float> label(size_t label) const;  // rows()
  [[nodiscard]] float weight(size_t row) const;

  struct State;

 private:
  explicit Examples(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace palate
