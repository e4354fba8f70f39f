#include "serve/endpoints/endpoints.h"
#include "serve/recommend_request.h"
#include "serve/slate_json.h"

namespace palate {

Result<Response> get_onboarding(const App& app, const Call& call) {
  RecommendRequest given = TRY(recommend_request(call.parameters));
  const OnboardingRequest request{.user = std::move(given.user),
                                  .n = given.n,
                                  .exclude = std::move(given.exclude),
                                  .categories = std::move(given.categories),
                                  .filter = std::move(given.filter),
                                  .language = std::move(given.language)};
  const auto recommender = TRY(app.models->current());
  AsOf seen = shared_positions(app);
  Slate slate = TRY(recommender->onboarding(request));
  if (!seen.empty()) slate.as_of = std::move(seen);
  return Response{.body = to_json(slate)};
}

}  // namespace palate
