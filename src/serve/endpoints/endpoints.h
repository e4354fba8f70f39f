// Every endpoint's function; each lives in a file of its own name. routes.cc binds them to paths.
#pragma once

#include "recommend/recommender.h"
#include "serve/routes.h"

namespace palate {

void post_events(const App& app, const Call& call, const Reply& reply);
void post_items(const App& app, const Call& call, const Reply& reply);
void post_users(const App& app, const Call& call, const Reply& reply);
Result<Response> get_item(const App& app, const Call& call);
Result<Response> get_user(const App& app, const Call& call);
void get_items(const App& app, const Call& call, const Reply& reply);
void get_users(const App& app, const Call& call, const Reply& reply);
void get_similar_users(const App& app, const Call& call, const Reply& reply);
void delete_user(const App& app, const Call& call, const Reply& reply);
void get_recommendations(const App& app, const Call& call, const Reply& reply);
void post_recommendations(const App& app, const Call& call, const Reply& reply);
Result<Response> get_similar(const App& app, const Call& call);
Result<Response> get_explain(const App& app, const Call& call);
Result<Response> post_rank(const App& app, const Call& call);
Result<Response> get_onboarding(const App& app, const Call& call);
Result<Response> get_shelves(const App& app, const Call& call);
Result<Response> get_pipelines(const App& app, const Call& call);
// kInvalidArgument where a request names what only the configuration may name.
Status check_pipeline(const App& app, const RecommendRequest& request);
Result<Response> get_healthz(const App& app, const Call& call);
Result<Response> get_readyz(const App& app, const Call& call);
Result<Response> get_metrics(const App& app, const Call& call);
Result<Response> get_openapi(const App& app, const Call& call);
Result<Response> get_asset(const App& app, const Call& call);
Result<Response> get_home(const App& app, const Call& call);

}  // namespace palate
