// Trees in an artefact of kind "trees" (docs/formats/trees.md): LightGBM's text, and which column
// each of its features is read from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "infer/trees.h"

namespace palate {

inline constexpr std::string_view kTreesKind = "trees";
inline constexpr std::string_view kTreesTextFile = "model.txt";

// What a feature holds of its column: the one id as a category; how many ids there are; the number
// at `place`, NaN where it is missing.
enum class TreeReading : uint8_t { kId, kCount, kNumber };

struct TreeFeature {
  std::string column;
  TreeReading reading = TreeReading::kNumber;
  uint32_t place = 0;
  bool operator==(const TreeFeature&) const = default;
};

struct TreesModel {
  std::string label;                  // what it was trained to foresee
  std::string group;                  // the column of ids within which it orders; empty: none
  std::vector<TreeFeature> features;  // by place in a row
  std::shared_ptr<const Trees> trees;

  // JSON of all but the trees, and back together with LightGBM's text. Errors: as load().
  [[nodiscard]] std::string describe() const;
  static Result<TreesModel> parse(const std::string& description, std::string_view text);

  // Of details and files of an artefact that is being written.
  static Status write(const TreesModel& model, std::string_view text, ArtefactWriter& out);
  // Errors: kCorrupt with what does not fit, kUnsupportedVersion, and those of Trees.
  static Result<TreesModel> load(const Artefact& artefact);
};

}  // namespace palate
