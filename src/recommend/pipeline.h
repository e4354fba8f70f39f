// Pipelines: named lists of stages with parameters, out of the configuration,
//
//   [pipelines.home]
//   stages = ["personal quota=400", "similar quota=200", "new quota=20", "formula
//   score='unit(personal)
//             + 0.2 * unit(log1p(popularity))'", "spread max=2", "dpp strength=0.3"]
//
// that make the head of an answer: filters say what may not come at all, sources propose
// candidates, rankers score them, re-rankers put them in order. docs/reference/pipelines.md lists
// the stages. Immutable and thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"

namespace palate {

struct PipelineRun;

inline constexpr size_t kPipelinesMax = 100;
inline constexpr size_t kPipelineStagesMax = 32;

// In the order in which they may stand in a pipeline.
enum class StagePart : uint8_t { kFilter, kSource, kRanker, kReranker };
std::string_view part_name(StagePart part);

using StageBody = std::function<Status(PipelineRun& run)>;

struct StageTimer {
  std::atomic<uint64_t> calls{0}, failures{0}, total_ns{0};
  std::atomic<double> relevance_cost{0};  // of all calls together, see PipelineRun
};

struct PipelineStage {
  std::string_view kind;
  StagePart part = StagePart::kSource;
  std::string text;  // as it was configured
  StageBody body;
  bool sponsored = false;  // what it puts into the list is labelled so
};

struct Pipeline {
  std::string name;
  std::vector<PipelineStage> stages;
  int64_t places = 100;     // of the head
  double deadline_ms = 20;  // of its stages together
  uint64_t hash = 0;        // of all of it
  bool own_seen = false;    // a stage says what counts as had before
  // Of all threads.
  struct Counts {
    std::array<StageTimer, kPipelineStagesMax> stages;
    std::array<std::atomic<uint64_t>, 4> levels{};  // as kLevels
  };
  std::unique_ptr<Counts> counts;

  // A pipeline without stages answers with the models' own lists.
  [[nodiscard]] bool plain() const { return stages.empty(); }
};

// How a pipeline's stages did so far, and how many answers came at each level (recommender.h).
struct StageReport {
  std::string_view pipeline, stage;
  size_t place = 0;  // in the pipeline, 1 the first
  uint64_t calls = 0, failures = 0, total_ns = 0;
  double relevance_cost = 0;
};
struct LevelReport {
  std::string_view pipeline, level;
  uint64_t answers = 0;
};
inline constexpr std::array<std::string_view, 4> kLevels{"full", "ranked", "retrieved", "plain"};

class Pipelines {
 public:
  // With what is there without any configuration: "plain", the models' own lists, "feed", and the
  // simple ones that shelves are made of.
  Pipelines();
  // Tables [pipelines.<name>]; `this` must outlive the schema.
  void add_to(ConfigSchema& schema);
  // Errors: kInvalidArgument with the stage, its key and what is allowed; for a pipeline of the
  // name that is there, it takes its place.
  Status declare(const std::string& name, const std::map<std::string, FieldValue>& values);
  // kInvalidArgument with near names.
  [[nodiscard]] Result<const Pipeline*> find(std::string_view name) const;
  [[nodiscard]] std::vector<const Pipeline*> all() const;  // by name
  [[nodiscard]] std::vector<StageReport> stage_reports() const;
  [[nodiscard]] std::vector<LevelReport> level_reports() const;

 private:
  std::map<std::string, Pipeline, std::less<>> pipelines_;
};

// The reference page of all kinds of stages, with their parameters.
std::string pipeline_reference();

}  // namespace palate
