#include "recommend/pipeline.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"

namespace palate {
namespace {

struct PipelineFlags {
  std::string name;
  bool reference = false;
};

nlohmann::ordered_json json_of(const Pipeline& pipeline) {
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  for (const PipelineStage& stage : pipeline.stages) {
    stages.push_back({{"kind", stage.kind}, {"part", part_name(stage.part)}, {"text", stage.text}});
  }
  return {{"name", pipeline.name},
          {"places", pipeline.places},
          {"deadline_ms", pipeline.deadline_ms},
          {"stages", stages}};
}

Status list(const Context& context) {
  const auto all = context.settings.pipelines.all();
  const std::string& chosen = context.settings.recommend.pipeline;
  if (context.json) {
    nlohmann::ordered_json json = {{"default", chosen},
                                   {"pipelines", nlohmann::ordered_json::array()}};
    for (const Pipeline* pipeline : all) json["pipelines"].push_back(json_of(*pipeline));
    print_json(json);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const Pipeline* pipeline : all) {
    std::vector<std::string_view> kinds;
    for (const PipelineStage& stage : pipeline->stages) kinds.push_back(stage.kind);
    rows.push_back(
        {pipeline->name + (pipeline->name == chosen ? " (answers)" : ""),
         pipeline->plain() ? "the models' own lists" : fmt::format("{}", fmt::join(kinds, ", "))});
  }
  print_table({"pipeline", "stages"}, rows);
  return {};
}

Status show(const Context& context, const std::string& name) {
  const Pipeline& pipeline = *TRY(context.settings.pipelines.find(name));
  if (context.json) {
    print_json(json_of(pipeline));
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const PipelineStage& stage : pipeline.stages) {
    rows.push_back(
        {std::to_string(rows.size() + 1), std::string(part_name(stage.part)), stage.text});
  }
  print_line(
      fmt::format("{}: {} places with care, {:g} ms", name, pipeline.places, pipeline.deadline_ms));
  print_table({"#", "part", "stage"}, rows);
  return {};
}

}  // namespace

Command pipeline_command() {
  return {"pipeline", "Show the pipelines that lists are made by, or one with its stages",
          "Examples:\n  palate pipeline\n  palate pipeline feed\n"
          "  palate recommend u00001 --pipeline feed --trace\n"
          "  palate pipeline --reference > docs/reference/pipelines.md",
          [](CommandFlags& command) {
            auto flags = std::make_shared<PipelineFlags>();
            command.add("name", flags->name, "One of them; leave it out for all");
            command.add("--reference", flags->reference, "Print the reference page of all stages");
            return std::function<Status(Context&)>([flags](Context& context) -> Status {
              if (flags->reference) {
                std::fputs(pipeline_reference().c_str(), stdout);
                return {};
              }
              return flags->name.empty() ? list(context) : show(context, flags->name);
            });
          }};
}

}  // namespace palate
