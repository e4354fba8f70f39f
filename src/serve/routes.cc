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
      {"GET",
       "/v1/recommendations",
       "recommendations_get",
       {"user", "n", "exclude", "categories", "include_consumed", "cursor", "language", "context",
        "explain", "after"},
       get_recommendations},
      {"POST", "/v1/recommendations", "recommendations_post", {}, post_recommendations},
      {"GET",
       "/v1/similar",
       "similar_get",
       {"item", "n", "exclude", "categories", "language"},
       get_similar},
      {"GET", "/healthz", "healthz", {}, get_healthz},
      {"GET", "/readyz", "readyz", {}, get_readyz},
      {"GET", "/metrics", "metrics", {}, get_metrics},
      {"GET", "/openapi.json", "openapi", {}, get_openapi},
      {"GET", "/", "home", {}, get_home},
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
