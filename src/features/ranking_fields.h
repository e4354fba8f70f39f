// What a ranker reads of a request and its candidates, as ids and numbers: one function for serving
// and for examples out of the log, so that they differ only in up to where the log was folded.
// Ids are rows of embedding tables; row 0 stands for all that is not known.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "features/reader.h"
#include "ids/name_rows.h"

namespace palate {

// Whose table a row belongs to: what was frequent enough when it was made has one of its own, and
// rare ids what their rule says (ids/name_rows.h).
struct RankingVocabulary {
  NameRows regions, languages, age_bands;  // of profiles
  NameRows creators, categories, tags, item_languages;
  // By ItemIx; 0, and what lies behind the end, has no row of its own, and kUnusedRow reads row 0
  // whatever the rule for rare ids.
  std::vector<uint32_t> item_rows;
  uint32_t items = 1;  // rows of items, the first one included, without those that rare ones share
  RareRows item_rare;
  std::vector<uint32_t> item_narrow;  // by ItemIx, rows of the narrow table; 0: none
  uint32_t items_narrow = 1;
  // Where histories have rows of their own: as item_rows and items. 0: they read those.
  std::vector<uint32_t> history_rows;
  uint32_t history_items = 0;
};
inline constexpr uint32_t kUnusedRow = UINT32_MAX;

// The lists of names of a vocabulary, as JSON and fields call them.
struct NamedRows {
  const char* key;    // "regions"
  const char* field;  // "region"
  NameRows RankingVocabulary::* rows;
  bool many = false;  // ids an item, each of which reads one row
};
std::span<const NamedRows> named_rows();

// The narrow half of a column: rare ids have rows in it, and the column itself those of the rest.
inline constexpr std::string_view kNarrowSuffix = ".narrow";

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
    std::string name;
    bool of_request = false, many = false;
    uint32_t rows = 1;  // of its table
    bool sum = false;   // many: they are the rows of one id
  };
  // In this order: region, language, age_band, hour, weekday, history (many), item, creator,
  // categories (many), tags (many), item_languages (many); then the narrow halves of those that
  // have one.
  [[nodiscard]] const std::vector<IdField>& ids() const { return ids_; }
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
  class Filler;
  RankingFields(Parts parts, FeatureReader user, FeatureReader item);
  Parts parts_;
  std::vector<IdField> ids_;
  std::vector<size_t> narrow_at_;  // of each field its narrow half; SIZE_MAX: none
  FeatureReader user_, item_;      // of the user alone; of candidates
};

// JSON of the parts without rows by ItemIx, which an artefact keeps as tensors, and back. Errors:
// kCorrupt.
std::string to_json(const RankingFields::Parts& parts);
Result<RankingFields::Parts> ranking_fields_from_json(std::string_view json);

}  // namespace palate
