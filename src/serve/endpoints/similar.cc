#include "serve/endpoints/endpoints.h"
#include "serve/recommend_request.h"
#include "serve/slate_json.h"

namespace palate {

Result<Response> get_similar(const App& app, const Call& call) {
  const SimilarRequest request = TRY(similar_request(call.parameters));
  const auto recommender = TRY(app.models->current());
  AsOf seen = shared_positions(app);
  Slate slate = TRY(recommender->similar(request));
  if (!seen.empty()) slate.as_of = std::move(seen);
  return Response{.body = to_json(slate)};
}

}  // namespace palate
