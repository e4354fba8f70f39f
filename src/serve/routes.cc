#include "serve/routes.h"

#include "serve/endpoints/endpoints.h"

namespace palate {

std::span<const Route> routes() {
  static const std::vector<Route> kRoutes = {
      {"POST", "/v1/events", "events_post", {"partial", "source"}, post_events},
      {"POST", "/v1/items", "items_post", {}, post_items},
      {"GET", "/v1/items/{id}", "items_get", {}, get_item},
      {"POST", "/v1/users", "users_post", {}, post_users},
      {"GET", "/v1/users/{id}", "users_get", {"history"}, get_user},
      {"DELETE", "/v1/users/{id}", "users_delete", {}, delete_user},
      {"GET",
       "/v1/recommendations",
       "recommendations_get",
       {"user", "n", "exclude", "categories", "filter", "include_consumed", "cursor", "language",
        "context", "explain", "after", "pipeline", "trace"},
       get_recommendations},
      {"POST", "/v1/recommendations", "recommendations_post", {}, post_recommendations},
      {"GET",
       "/v1/similar",
       "similar_get",
       {"item", "n", "exclude", "categories", "filter", "language"},
       get_similar},
      {"GET", "/v1/similar-users", "similar_users", {"user", "n"}, get_similar_users},
      {"POST", "/v1/rank", "rank", {}, post_rank},
      {"GET",
       "/v1/explain",
       "explain",
       {"item", "user", "exclude", "categories", "filter", "include_consumed", "language",
        "reasons", "pipeline"},
       get_explain},
      {"GET",
       "/v1/shelves",
       "shelves",
       {"page", "user", "exclude", "categories", "filter", "include_consumed", "language",
        "explain"},
       get_shelves},
      {"GET",
       "/v1/onboarding",
       "onboarding",
       {"user", "n", "exclude", "categories", "filter", "language"},
       get_onboarding},
      {"GET", "/v1/pipelines", "pipelines", {}, get_pipelines},
      {"GET", "/healthz", "healthz", {}, get_healthz},
      {"GET", "/readyz", "readyz", {}, get_readyz},
      {"GET", "/metrics", "metrics", {}, get_metrics},
      {"GET", "/openapi.json", "openapi", {}, get_openapi},
      {"GET", "/", "home", {}, get_home},
      {"GET", "/assets/{id}", "asset", {}, get_asset},
      {"GET", "/v1/users", "users_find", {"prefix", "n"}, get_users},
      {"GET", "/v1/items", "items_find", {"search", "n", "language"}, get_items},
  };
  return kRoutes;
}

std::vector<std::string_view> endpoint_names() {
  std::vector<std::string_view> names;
  for (const Route& route : routes()) names.push_back(route.name);
  names.push_back("none");
  return names;
}

}  // namespace palate
