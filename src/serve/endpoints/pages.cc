#include "serve/embedded.h"
#include "serve/endpoints/endpoints.h"
#include "serve/json_text.h"

namespace palate {
namespace {

std::string_view status_of(const LiveModels::Report& report) {
  if (report.release == 0) return "no release is loaded yet";
  return report.failure.empty() ? "ready"
                                : "ready, but a newer release does not load (see /readyz)";
}

}  // namespace

// The document as it is in the sources, with the event types of this tenant.
Result<Response> get_openapi(const App& app, const Call&) {
  constexpr std::string_view kMark = "\"@event_types@\"";
  std::string document(openapi_document());
  JsonText types;
  for (uint16_t i = 0; i < app.types->size(); ++i) types.string(app.types->at({i}).name);
  document.replace(document.find(kMark), kMark.size(), types.take());
  return Response{.body = std::move(document)};
}

Result<Response> get_home(const App& app, const Call&) {
  const LiveModels::Report report = app.models->report();
  std::string page = fmt::format(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Palate</title>"
      "<meta name=\"viewport\" content=\"width=device-width\">"
      "<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;"
      "padding:0 1rem}}code{{background:#eee;padding:.1em .3em}}"
      "@media(prefers-color-scheme:dark){{body{{background:#111;color:#eee}}a{{color:#8cf}}"
      "code{{background:#333}}}}</style>"
      "<h1>Palate</h1><p>{}.</p>"
      "<table><tr><td>Release<td>{}<tr><td>Items<td>{}</table>",
      status_of(report), report.release, app.data->state().catalogue().view().size());
  page +=
      "<h2>Look</h2><ul><li><a href=\"/openapi.json\">/openapi.json</a>: every endpoint, with "
      "examples<li><a href=\"/v1/recommendations?n=10\">/v1/recommendations?n=10</a>: what anybody "
      "gets; add <code>&amp;user=…</code><li><a href=\"/readyz\">/readyz</a>, "
      "<a href=\"/healthz\">/healthz</a>, <a href=\"/metrics\">/metrics</a></ul>";
  return Response{.content_type = "text/html; charset=utf-8", .body = std::move(page)};
}

}  // namespace palate
