// A trained ranker as it serves: reads its fields of a request and its candidates, and runs the
// network over them. Not a Model: it puts candidates in order that others have found, and reads
// what is known of user and items beside the history. docs/formats/model.md, "ranker".
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "features/ranking_fields.h"
#include "infer/network.h"
#include "models/ranker/feature_drift.h"
#include "models/ranker/ranker_trees.h"

namespace palate {

inline constexpr std::string_view kRankerKind = "ranker";
inline constexpr std::string_view kRankerFieldsFile = "fields.json";
// Tensors, U32, by ItemIx; the last two only where there are such rows.
inline constexpr std::string_view kRankerItemRows = "rows.item";
inline constexpr std::string_view kRankerNarrowRows = "rows.item.narrow";
inline constexpr std::string_view kRankerHistoryRows = "rows.history";

// What a ranker reads, as its artefact has it, and the other way round. Errors: kCorrupt,
// kUnsupportedVersion.
Result<RankingFields::Parts> read_ranking_fields(const Artefact& artefact);
Status write_ranking_fields(const RankingFields::Parts& parts, ArtefactWriter& out);

// A network, and perhaps trees beside it. Immutable and thread-safe; a scratch belongs to one
// thread at a time.
class Ranker {
 public:
  // Errors: kCorrupt, kUnsupportedVersion; kConflict where it reads a feature that is not kept (any
  // more), or network or trees read a field that there is not.
  static Result<std::unique_ptr<const Ranker>> load(std::shared_ptr<const Artefact> artefact,
                                                    const EventTypes& types,
                                                    const FeatureConfig& features);

  // Names of what it says: "click", "watch".
  [[nodiscard]] std::vector<std::string> objectives() const;
  [[nodiscard]] const std::string& version() const { return version_; }

  struct Scratch {
    RankingFields::Scratch fields;
    RankingFields::Values values;
    std::vector<std::vector<float>> numbers;  // of values, without what is set aside
    NetworkScratch network;
    std::vector<float> rows;  // that trees read
    std::vector<double> says;
    TreesScratch trees;
  };
  // A row an objective: what is said of each candidate, a probability where the objective
  // is one. A candidate's numbers do not depend on the others. `set_aside`: features that count as
  // missing, those of drift() for an answer of now.
  [[nodiscard]] Result<std::vector<std::vector<float>>> score(
      const FeatureReader::Request& request, std::span<const std::string> set_aside,
      Scratch& scratch) const;
  // For drift(): of what score() read last into the scratch, these candidates come first.
  void observe(const Scratch& scratch, std::span<const uint32_t> candidates) const;
  // Of what was observed. Thread-safe.
  [[nodiscard]] const FeatureDrift& drift() const { return *drift_; }

 private:
  Ranker(RankingFields fields, std::shared_ptr<const Network> network, std::string version)
      : fields_(std::move(fields)), network_(std::move(network)), version_(std::move(version)) {}
  Status find_columns();
  Status add_trees(const Artefact& artefact);
  Status blend_trees(std::span<const std::string> set_aside, std::span<std::vector<float>> scores,
                     Scratch& scratch) const;
  Status learn_drift(const Artefact& artefact);

  RankingFields fields_;
  std::shared_ptr<const Network> network_;
  std::string version_;
  // Of each field of the network, which of fields_ it reads; kPosition: the place in the slate,
  // held at the first.
  static constexpr size_t kPosition = SIZE_MAX;
  std::vector<size_t> sparse_, dense_;
  std::unique_ptr<FeatureDrift> drift_;  // by fields_.numbers()
  struct OutputTrees {
    size_t output = 0;  // of the network
    BlendedTrees blend;
    TreeColumns columns;
  };
  std::vector<OutputTrees> trees_;
};

}  // namespace palate
