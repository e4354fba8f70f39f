#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>

#include <fmt/format.h>

#include "base/log.h"
#include "base/near_names.h"
#include "serve/problem.h"
#include "serve/routes.h"

namespace palate {
namespace {

constexpr std::string_view kId = "{id}";
constexpr size_t kEchoBytesMax = 200;  // of a client's path or name in a message

std::string_view shown(std::string_view text) { return text.substr(0, kEchoBytesMax); }

// What {id} stands for when `path` fits the route's pattern; "" for a pattern without one.
std::optional<std::string_view> match(const Route& route, std::string_view path) {
  if (!route.path.ends_with(kId)) {
    return route.path == path ? std::optional<std::string_view>("") : std::nullopt;
  }
  const std::string_view prefix = route.path.substr(0, route.path.size() - kId.size());
  if (!path.starts_with(prefix)) return std::nullopt;
  const std::string_view id = path.substr(prefix.size());
  if (id.empty() || id.find('/') != std::string_view::npos) return std::nullopt;
  return id;
}

struct Found {
  const Route* route = nullptr;
  std::string_view id;
  std::string allow;  // methods of the routes that fit the path; empty: none does
};

Found find(const Request& request) {
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  Found found;
  for (const Route& route : routes()) {
    const auto id = match(route, request.path);
    if (!id) continue;
    if (route.method == method) {
      found.route = &route;
      found.id = *id;
    }
    found.allow += fmt::format("{}{}, ", route.method, route.method == "GET" ? ", HEAD" : "");
  }
  if (!found.allow.empty()) found.allow += "OPTIONS";
  return found;
}

Response no_such_path(std::string_view path) {
  std::vector<std::string> known;
  for (const Route& route : routes()) known.emplace_back(route.path);
  std::string near = did_you_mean(shown(path), known);
  if (near.empty()) near = "; /openapi.json lists all paths";
  return problem(
      Error{Code::kNotFound, fmt::format("There is no path '{}'{}.", shown(path), near)});
}

Response wrong_method(const Request& request, const std::string& allow) {
  if (request.method == "OPTIONS") {
    return {.status = 204, .headers = {{"Allow", allow}}};
  }
  Response response = problem(405, fmt::format("'{}' does not take {}; it takes {}.",
                                               shown(request.path), shown(request.method), allow));
  response.headers.emplace_back("Allow", allow);
  return response;
}

bool json_type(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::ranges::transform(type, type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return type.empty() || type == "application/json";
}

Status check_parameters(const Route& route, const Parameters& given) {
  for (const auto& [name, value] : given.pairs()) {
    if (std::ranges::find(route.parameters, name) != route.parameters.end()) continue;
    return fail(Code::kInvalidArgument, "{} {} knows no query parameter '{}'{}.", route.method,
                route.path, shown(name), did_you_mean(shown(name), route.parameters));
  }
  return {};
}

Result<Call> make_call(const Found& found, const Request& request) {
  Call call{.request = request, .parameters = {}, .id = {}};
  call.parameters = TRY(Parameters::parse(request.query));
  TRY(check_parameters(*found.route, call.parameters));
  call.id = TRY(percent_decode(found.id, false));
  return call;
}

void run(const App& app, const Found& found, const Request& request, const Reply& reply) {
  if (found.route->method == "POST" && !json_type(request.content_type)) {
    return reply(problem(
        415, fmt::format("The body is '{}'; send application/json.", shown(request.content_type))));
  }
  const auto call = make_call(found, request);
  if (!call) return reply(problem(call.error()));
  if (const auto* later = std::get_if<AnswerLater>(&found.route->run)) {
    return (*later)(app, *call, reply);
  }
  auto response = std::get<Answer>(found.route->run)(app, *call);
  reply(response ? std::move(*response) : problem(response.error()));
}

}  // namespace

void dispatch(const App& app, const Request& request, Reply reply) {
  const auto start = std::chrono::steady_clock::now();
  const Found found = find(request);
  const size_t endpoint =
      found.route != nullptr ? static_cast<size_t>(found.route - routes().data()) : routes().size();
  reply.observe([metrics = app.metrics, endpoint, start](int status) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    metrics->answered(endpoint, status, took.count());
  });
  if (found.allow.empty()) return reply(no_such_path(request.path));
  if (found.route == nullptr) return reply(wrong_method(request, found.allow));
  try {
    run(app, found, request, reply);
  } catch (const std::exception& error) {
    log_error("{} {} threw: {}", request.method, found.route->path, error.what());
    if (!reply.answered()) reply(problem(Error{Code::kInternal, "The request failed inside."}));
  }
}

}  // namespace palate
