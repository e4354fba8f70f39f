#include "events/json_text.h"
#include "serve/endpoints/endpoints.h"
#include "serve/problem.h"

namespace palate {

// The process lives and its I/O threads answer; nothing else is asked.
Result<Response> get_healthz(const App&, const Call&) {
  return Response{.body = R"({"status":"ok"})"};
}

// 200 once a release answers. A newer one that does not load is reported, but is no reason to take
// the server out of service.
Result<Response> get_readyz(const App& app, const Call&) {
  const LiveModels::Report report = app.models->report();
  if (report.release == 0) {
    return fail(Code::kUnavailable, "{}",
                report.failure.empty() ? "No release is loaded: train one with `palate train`."
                                       : "The release does not load: " + report.failure);
  }
  JsonText json;
  json.open('{').key("status").string("ready").key("release").number(report.release);
  json.key("as_of").open('[');
  for (const Position& position : app.intake->folded()) json.string(to_string(position));
  json.close(']');
  if (!report.failure.empty()) {
    json.key("failing").open('{').key("release").number(report.failed_release);
    json.key("reason").string(report.failure).close('}');
  }
  // No reason to take the server out of service either: it answers, and takes events in again as
  // soon as the disk does.
  if (const std::string trouble = app.intake->trouble(); !trouble.empty()) {
    json.key("refusing_writes").string(trouble);
  }
  json.close('}');
  return Response{.body = json.take()};
}

Result<Response> get_metrics(const App& app, const Call&) {
  ServeMetrics::Gauges gauges{.models = app.models->report(),
                              .stages = app.pipelines->stage_reports(),
                              .levels = app.pipelines->level_reports(),
                              .decisions = app.decisions->report(),
                              .as_of = app.intake->folded(),
                              .queued_events = app.intake->queued_events(),
                              .behind = app.intake->behind(),
                              .forgetting = app.data->forgetting().pending().users,
                              .items = app.data->state().catalogue().view().size(),
                              .connections = app.connections()};
  return Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .body = app.metrics->text(gauges)};
}

}  // namespace palate
