#include "recommend/pipeline.h"

#include <algorithm>
#include <cctype>

#include "base/check.h"
#include "base/hash.h"
#include "base/near_names.h"
#include "recommend/cursor.h"
#include "recommend/pipeline_stage.h"
#include "recommend/stage_text.h"

namespace palate {
namespace {

Result<PipelineStage> stage_of(const std::string& text) {
  const StageText parsed = TRY(parse_stage(text));
  const auto kinds = stage_kinds();
  const auto kind = std::ranges::find(kinds, parsed.kind, &StageKind::name);
  if (kind == kinds.end()) {
    std::vector<std::string> known;
    for (const StageKind& one : kinds) known.emplace_back(one.name);
    return fail(Code::kInvalidArgument,
                "there is no stage '{}'{}; `palate pipeline --reference` lists them", parsed.kind,
                did_you_mean(parsed.kind, known));
  }
  MadeStage made = TRY(kind->make(kind->name, parsed.parameters));
  return PipelineStage{kind->name, kind->part, text, std::move(made.body), made.sponsored};
}

Status add_stages(const std::vector<std::string>& texts, Pipeline& pipeline) {
  if (texts.size() > kPipelineStagesMax) {
    return fail(Code::kInvalidArgument, "{} stages; at most {} fit", texts.size(),
                kPipelineStagesMax);
  }
  for (const std::string& text : texts) {
    auto stage = stage_of(text);
    if (!stage) {
      const auto where = fmt::format("stage {} ('{}')", pipeline.stages.size() + 1,
                                     std::string_view(text).substr(0, 80));
      return std::unexpected(stage.error().within(where));
    }
    if (!pipeline.stages.empty() && stage->part < pipeline.stages.back().part) {
      return fail(Code::kInvalidArgument,
                  "stage {}: '{}' is a {} and stands behind '{}', a {}; first come filters, then "
                  "sources, rankers and re-rankers",
                  pipeline.stages.size() + 1, stage->kind, part_name(stage->part),
                  pipeline.stages.back().kind, part_name(pipeline.stages.back().part));
    }
    pipeline.own_seen |= stage->kind == "seen";
    pipeline.stages.push_back(std::move(*stage));
  }
  const bool orders = !texts.empty() && pipeline.stages.back().part > StagePart::kSource;
  if (orders &&
      std::ranges::count(pipeline.stages, StagePart::kSource, &PipelineStage::part) == 0) {
    return fail(Code::kInvalidArgument, "no stage proposes items; add a source such as `personal`");
  }
  return {};
}

Status set_key(const std::string& key, const FieldValue& value, Pipeline& pipeline) {
  if (key == "stages") {
    const auto* texts = std::get_if<std::vector<std::string>>(&value);
    if (texts == nullptr) return fail(Code::kInvalidArgument, "stages takes a list of texts");
    return add_stages(*texts, pipeline);
  }
  if (key == "places") {
    const auto* places = std::get_if<int64_t>(&value);
    if (places == nullptr || *places < 1 || *places > static_cast<int64_t>(kHeadPlacesMax)) {
      return fail(Code::kInvalidArgument, "places takes 1 to {}", kHeadPlacesMax);
    }
    pipeline.places = *places;
    return {};
  }
  if (key == "deadline_ms") {
    const auto* whole = std::get_if<int64_t>(&value);
    const auto* real = std::get_if<double>(&value);
    const double ms = whole ? static_cast<double>(*whole) : real ? *real : 0;
    if (!(ms > 0 && ms <= 10'000)) {
      return fail(Code::kInvalidArgument, "deadline_ms takes a number above 0, at most 10000");
    }
    pipeline.deadline_ms = ms;
    return {};
  }
  return fail(Code::kInvalidArgument,
              "a pipeline has no '{}'{}; it has stages, places and "
              "deadline_ms",
              key, did_you_mean(key, std::vector<std::string>{"stages", "places", "deadline_ms"}));
}

uint64_t hash_of(const Pipeline& pipeline) {
  std::string text = fmt::format("{}\n{}\n", pipeline.name, pipeline.places);
  for (const PipelineStage& stage : pipeline.stages) text += stage.text + "\n";
  return hash64(text);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
}

const std::vector<std::string> kFeed{
    "personal quota=300",
    "similar quota=100 recent=10",
    "popular quota=50",
    "new quota=20 weight=0.5",
    "formula score='unit(personal) + 0.3 * unit(retrieval) + 0.1 * unit(log1p(popularity))'",
    "calibrate strength=0.2 places=50",
    "dpp strength=0.2 places=50",
    "spread by=creator max=4 distance=3",
};

}  // namespace

std::string_view part_name(StagePart part) {
  constexpr std::array<std::string_view, 4> kNames{"filter", "source", "ranker", "re-ranker"};
  return kNames[static_cast<size_t>(part)];
}

Pipelines::Pipelines() {
  const std::pair<const char*, std::vector<std::string>> built_in[] = {
      {"plain", {}},
      {"feed", kFeed},
      {"popular", {"popular quota=200"}},
      {"new", {"new quota=200"}},
      {"like-the-last", {"similar quota=100 recent=1"}},
  };
  for (const auto& [name, stages] : built_in) {
    const auto declared = declare(name, {{"stages", stages}});
    PALATE_CHECK(declared.has_value(), "the pipelines that come with Palate are right");
  }
}

void Pipelines::add_to(ConfigSchema& schema) {
  schema.add_table(
      "pipelines",
      "How lists of this name are made (docs/reference/pipelines.md): `stages`, one text each; how "
      "many `places` they fill with care before the models' lists go on; and after how many "
      "milliseconds (`deadline_ms`) the rest of them is left out.",
      "[pipelines.home]\nstages = [\"personal quota=300\", \"new quota=20\", \"dpp "
      "strength=0.2\"]\nplaces = 100\ndeadline_ms = 20\n",
      [this](const std::string& name, const std::map<std::string, FieldValue>& values) {
        return declare(name, values);
      });
}

Status Pipelines::declare(const std::string& name,
                          const std::map<std::string, FieldValue>& values) {
  if (!is_name(name)) {
    return fail(Code::kInvalidArgument,
                "'{}' is no name for a pipeline; letters, digits, _ and -, at most 64", name);
  }
  if (pipelines_.size() == kPipelinesMax && !pipelines_.contains(name)) {
    return fail(Code::kInvalidArgument, "more than {} pipelines", kPipelinesMax);
  }
  Pipeline pipeline;
  pipeline.name = name;
  for (const auto& [key, value] : values) TRY(set_key(key, value, pipeline));
  pipeline.hash = hash_of(pipeline);
  pipeline.counts = std::make_unique<Pipeline::Counts>();
  pipelines_.insert_or_assign(name, std::move(pipeline));
  return {};
}

Result<const Pipeline*> Pipelines::find(std::string_view name) const {
  if (const auto found = pipelines_.find(name); found != pipelines_.end()) return &found->second;
  std::vector<std::string> known;
  for (const auto& [one, pipeline] : pipelines_) known.push_back(one);
  return fail(Code::kInvalidArgument, "there is no pipeline '{}'{}; there are {}",
              name.substr(0, 64), did_you_mean(name.substr(0, 64), known), fmt::join(known, ", "));
}

std::vector<const Pipeline*> Pipelines::all() const {
  std::vector<const Pipeline*> all;
  for (const auto& [name, pipeline] : pipelines_) all.push_back(&pipeline);
  return all;
}

std::vector<StageReport> Pipelines::stage_reports() const {
  std::vector<StageReport> reports;
  for (const auto& [name, pipeline] : pipelines_) {
    for (size_t i = 0; i < pipeline.stages.size(); ++i) {
      const StageTimer& timer = pipeline.counts->stages[i];
      reports.push_back({name, pipeline.stages[i].kind, i + 1, timer.calls.load(),
                         timer.failures.load(), timer.total_ns.load(),
                         timer.relevance_cost.load()});
    }
  }
  return reports;
}

std::vector<LevelReport> Pipelines::level_reports() const {
  std::vector<LevelReport> reports;
  for (const auto& [name, pipeline] : pipelines_) {
    for (size_t i = 0; i < kLevels.size() && !pipeline.plain(); ++i) {
      reports.push_back({name, kLevels[i], pipeline.counts->levels[i].load()});
    }
  }
  return reports;
}

}  // namespace palate
