#include "events/json_text.h"
#include "serve/embedded.h"
#include "serve/endpoints/endpoints.h"
#include "serve/web_page.h"

namespace palate {

// The document as it is in the sources, with the event types of this tenant.
Result<Response> get_openapi(const App& app, const Call&) {
  constexpr std::string_view kMark = "\"@event_types@\"";
  std::string document(openapi_document());
  JsonText types;
  for (uint16_t i = 0; i < app.types->size(); ++i) types.string(app.types->at({i}).name);
  document.replace(document.find(kMark), kMark.size(), types.take());
  return Response{.body = std::move(document)};
}

Result<Response> get_home(const App&, const Call& call) {
  if (!web_files().empty()) return web_page("index.html", call.request.accept_encoding);
  return Response{
      .content_type = "text/html; charset=utf-8",
      .body =
          "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Palate</title>"
          "<p>This program was built without its pages: <code>./dev web</code> builds them, and "
          "the next build of the program takes them in. The API is described in "
          "<a href=\"/openapi.json\">/openapi.json</a>."};
}

Result<Response> get_asset(const App&, const Call& call) {
  return web_page("assets/" + call.id, call.request.accept_encoding);
}

}  // namespace palate
