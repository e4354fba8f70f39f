#include "events/json_text.h"
#include "serve/endpoints/endpoints.h"

namespace palate {

Status check_pipeline(const App& app, const RecommendRequest& request) {
  if (app.recommend.pipeline_by_request || (request.pipeline.empty() && !request.trace)) return {};
  return fail(Code::kInvalidArgument,
              "'pipeline' and 'trace' are switched off here (recommend.pipeline_by_request).");
}

Result<Response> get_pipelines(const App& app, const Call&) {
  JsonText json(2048);
  json.open('{').key("default").string(app.recommend.pipeline);
  json.key("by_request").boolean(app.recommend.pipeline_by_request);
  json.key("pipelines").open('[');
  for (const Pipeline* pipeline : app.pipelines->all()) {
    json.open('{').key("name").string(pipeline->name);
    json.key("places").number(static_cast<uint64_t>(pipeline->places));
    json.key("deadline_ms").number(static_cast<float>(pipeline->deadline_ms));
    json.key("stages").open('[');
    for (const PipelineStage& stage : pipeline->stages) {
      json.open('{').key("kind").string(stage.kind);
      json.key("part").string(part_name(stage.part));
      json.key("text").string(stage.text).close('}');
    }
    json.close(']').close('}');
  }
  json.close(']').close('}');
  return Response{.body = json.take()};
}

}  // namespace palate
