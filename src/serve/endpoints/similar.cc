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
  const Slate slate = TRY(models.current->similar(request));
  return Response{.body = to_json(slate)};
}

}  // namespace palate
