// The table of endpoints: one row each. openapi.json describes the same rows, and a test compares
// the two.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "serve/app.h"
#include "serve/http.h"
#include "serve/parameters.h"

namespace palate {

// One request to one endpoint. `request`'s views die with the answer.
struct Call {
  Request request;
  Parameters parameters;
  std::string id;  // what {id} in the path stands for, decoded
};

// Answers at once, on the I/O thread: memory and CPU only. An Error becomes a problem document.
using Answer = Result<Response> (*)(const App&, const Call&);
// Answers later: keeps `reply` and must not use the call after its return.
using AnswerLater = void (*)(const App&, const Call&, const Reply& reply);

struct Route {
  std::string_view method;              // "GET" also answers HEAD
  std::string_view path;                // "/v1/items/{id}": {id} stands for one segment, at the end
  std::string_view name;                // in metrics
  std::vector<std::string> parameters;  // the query parameters that it knows
  std::variant<Answer, AnswerLater> run;
};

std::span<const Route> routes();
// The names for ServeMetrics: of routes() in order, then "none" for what no route took.
std::vector<std::string_view> endpoint_names();

// Finds the route, checks method, content type and query, runs it, counts it. Never throws.
void dispatch(const App& app, const Request& request, Reply reply);

}  // namespace palate
