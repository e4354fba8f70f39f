#include "serve/endpoints/endpoints.h"
#include "serve/explain_json.h"
#include "serve/explain_request.h"

namespace palate {
Result<Response> get_explain(const App& app, const Call& call) {
  const ExplainRequest request = TRY(explain_request(call.parameters));
  TRY(check_pipeline(app, request.request));
  const auto recommender = TRY(app.models->current());
  AsOf seen = shared_positions(app);
  Explanation explanation = TRY(recommender->explain(request));
  if (!seen.empty()) explanation.as_of = std::move(seen);
  return Response{.body = to_json(explanation)};
}

Result<Response> post_rank(const App& app, const Call& call) {
  const RankRequest request = TRY(rank_request(call.request.body));
  const auto recommender = TRY(app.models->current());
  AsOf seen = shared_positions(app);
  RankedCandidates ranked = TRY(recommender->rank(request));
  if (!seen.empty()) ranked.slate.as_of = std::move(seen);
  return Response{.body = to_json(ranked)};
}

}  // namespace palate
