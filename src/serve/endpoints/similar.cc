#include "serve/endpoints/endpoints.h"
#include "serve/recommend_request.h"
#include "serve/slate_json.h"

namespace palate {

Result<Response> get_similar(const App& app, const Call& call) {
  const SimilarRequest request = TRY(similar_request(call.parameters));
  const LiveModels::Pair models = app.models->get();
  if (!models.current) {
    return fail(Code::kUnavailable,
                "No release is loaded yet; see /readyz, and `palate train` makes one.");
  }
  AsOf seen = shared_positions(app);
  Slate slate = TRY(models.current->similar(request));
  if (!seen.empty()) slate.as_of = std::move(seen);
  return Response{.body = to_json(slate)};
}

}  // namespace palate
