#include "recommend/shelves.h"

#include "events/json_text.h"
#include "serve/endpoints/endpoints.h"
#include "serve/recommend_request.h"
#include "serve/slate_json.h"

namespace palate {

Result<Response> get_shelves(const App& app, const Call& call) {
  const std::string page = TRY(call.parameters.one("page")).value_or("home");
  RecommendRequest request = TRY(recommend_request(call.parameters));
  const auto specs = TRY(app.shelves->find(page));
  const auto recommender = TRY(app.models->current());
  const AsOf seen = shared_positions(app);
  auto shelves = TRY(make_shelves(*recommender, std::move(request), specs));
  JsonText json(16 << 10);
  json.open('{').key("page").string(page).key("shelves").open('[');
  for (Shelf& shelf : shelves) {
    if (!seen.empty()) shelf.slate.as_of = seen;
    app.metrics->recommended(shelf.slate.personalized);
    json.open('{').key("title").string(shelf.title).key("slate").raw(to_json(shelf.slate));
    json.close('}');
  }
  json.close(']').close('}');
  return Response{.body = json.take()};
}

}  // namespace palate
