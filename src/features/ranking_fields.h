// What a ranker reads of a request and its candidates, as ids and numbers: one function for serving
// and for examples out of the log, so that they differ only in up to where the log was folded.
// Ids are rows of embedding tables; row 0 stands for all that is not known.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "features/reader.h"

namespace palate {

// Rows of a table by name: name i has row i + 1.
class NameRows {
 public:
  NameRows() = default;
  // Names are distinct.
  explicit NameRows(std::vector<std::string> names);
  // Those that count `least` at least, the most frequent first, ties by name.
  static NameRows of_counts(const std::map<std::string, uint64_t>& counts, uint64_t least);

  [[nodiscard]] uint32_t row(std::string_view name) const;  // 0 for one that is not there
  [[nodiscard]] uint32_t rows() const { return static_cast<uint32_t>(names_.size()) + 1; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::vector<std::string> names_;
  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> row_of_;
};

// What has a row of its own: what was frequent enough when it was made.
struct RankingVocabulary {
  NameRows regions, languages, age_bands;  // of profiles
  NameRows creators, categories, tags, item_languages;
  std::vector<uint32_t> item_rows;  // by ItemIx; what lies behind the end is 0
  uint32_t items = 1;               // rows of items, the first one included
};

class RankingFields {
 public:
  struct Parts {
    RankingVocabulary vocabulary;
    std::vector<std::string> features;  // as FeatureReader::make() takes them
    size_t history = 50;                // items liked last that are read, the newest at the end
  };
  // Errors: kInvalidArgument for a feature that is not there or that `config` keeps nothing for,
  // and for an item's row outside of the vocabulary.
  static Result<RankingFields> make(Parts parts, const EventTypes& types,
                                    const FeatureConfig& config);

  // A field of ids; of the request it has one row, else one a candidate.
  struct IdField {
    std::string_view name;
    bool of_request = false, many = false;
    uint32_t rows = 1;  // of its table
  };
  // Always the same, in this order: region, language, age_band, hour, weekday, history (many),
  // item, creator, categories (many), tags (many), item_languages (many).
  [[nodiscard]] std::vector<IdField> ids() const;
  // Two fields of numbers: user_numbers (of the request) and item_numbers.
  struct NumberField {
    std::string_view name;
    bool of_request = false;
    uint32_t width = 0;
  };
  [[nodiscard]] std::vector<NumberField> numbers() const;
  // Of each of these fields the features that it is made of, in order.
  [[nodiscard]] std::vector<std::vector<std::string>> number_names() const;
  [[nodiscard]] const Parts& parts() const { return parts_; }

  // What was read, field by field in the order above; memory is used again.
  struct Values {
    std::vector<std::vector<uint32_t>> ids;
    std::vector<std::vector<uint32_t>> starts;  // rows + 1 where the field has many, else empty
    std::vector<std::vector<float>> numbers;    // asinh of the feature: counts have long tails
  };
  struct Scratch {
    FeatureScratch features;
  };
  // Thread-safe with values and a scratch for each thread.
  void read(const FeatureReader::Request& request, Values& values, Scratch& scratch) const;

 private:
  RankingFields(Parts parts, FeatureReader user, FeatureReader item)
      : parts_(std::move(parts)), user_(std::move(user)), item_(std::move(item)) {}
  Parts parts_;
  FeatureReader user_, item_;  // of the user alone; of candidates
};

// JSON of the parts without item_rows, which an artefact keeps as a tensor, and back. Errors:
// kCorrupt.
std::string to_json(const RankingFields::Parts& parts);
Result<RankingFields::Parts> ranking_fields_from_json(std::string_view json);

}  // namespace palate
