// What a stage of a pipeline is made of, and what it works on. One file each under stages/, one
// line in stages/catalog.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recommend/draft.h"
#include "recommend/pipeline.h"
#include "recommend/pool.h"

namespace palate {

// One request on its way through a pipeline. Filters find no pool.
struct PipelineRun {
  Draft& draft;
  CandidatePool& pool;
  uint32_t stage = 0;     // which of the pipeline's runs
  size_t places = 0;      // of the head
  std::string note = {};  // what the stage has to say about its work
  // Share of the head's relevance, discounted by place, that the stage has given away.
  double relevance_cost = 0;

  [[nodiscard]] ItemFilter filter() const { return {draft.work.blocked}; }
  [[nodiscard]] const Catalogue::View& items() const { return *draft.view; }
  void propose(std::span<const Scored> list, double weight, bool again = false) {
    pool.propose(list, {stage, weight, again});
  }
};

// What every source has: how much it proposes, and what that counts.
struct SourceShare {
  int64_t quota = 0;
  double weight = 1;
};
template <class Source>
void share_fields(FieldVisitor<Source>& field, double quota_max) {
  field("quota", static_cast<int64_t Source::*>(&Source::quota),
        {.min = 1, .max = quota_max, .unit = "items"}, "So many are proposed.");
  field("weight", static_cast<double Source::*>(&Source::weight), {.min = 0, .max = 1000},
        "Of its order beside other sources'.");
}

using StageParameters = std::span<const std::pair<std::string, std::string>>;

struct MadeStage {
  StageBody body;
  bool sponsored = false;
};

struct StageKind {
  std::string_view name;
  StagePart part = StagePart::kSource;
  std::string_view sentence;
  // Errors: kInvalidArgument names the parameter and its range.
  Result<MadeStage> (*make)(std::string_view name, StageParameters given) = nullptr;
  std::vector<Field> (*fields)(std::string_view name) = nullptr;  // for the reference
};

// A kind out of a config struct (base/config.h) and a function of it. Where the struct has
// `Status prepare()`, that looks at the values once, before any request.
template <class Config, Status (*kRun)(const Config& config, PipelineRun& run)>
StageKind stage_kind(std::string_view name, StagePart part, std::string_view sentence) {
  StageKind kind{name, part, sentence};
  kind.make = [](std::string_view kind_name, StageParameters given) -> Result<MadeStage> {
    Config config;
    ConfigSchema schema;
    schema.add(std::string(kind_name), config);
    for (const auto& [key, value] : given) {
      TRY(schema.apply_flag(fmt::format("{}.{}", kind_name, key), value));
    }
    if constexpr (requires { config.prepare(); }) TRY(config.prepare());
    MadeStage made{[config](PipelineRun& run) { return kRun(config, run); }};
    if constexpr (requires { config.sponsored; }) made.sponsored = config.sponsored;
    return made;
  };
  kind.fields = [](std::string_view kind_name) {
    Config config;
    ConfigSchema schema;
    schema.add(std::string(kind_name), config);
    return schema.fields();
  };
  return kind;
}

std::span<const StageKind> stage_kinds();  // stages/catalog.cc

// Steps "filter" and "candidates" (recommend/steps.h).
Status run_pipeline_filters(Draft& draft);
Status make_head(Draft& draft);

}  // namespace palate
