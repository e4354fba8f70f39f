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
  bool path_known = false;  // some route fits the path, if not the method
};

Found find(const Request& request) {
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  Found found;
  for (const Route& route : routes()) {
    const auto id = match(route, request.path);
    if (!id) continue;
    found.path_known = true;
    if (route.method != method) continue;
    found.route = &route;
    found.id = *id;
    break;
  }
  return found;
}

// For the Allow header.
std::string methods_of(std::string_view path) {
  std::string methods;
  for (const Route& route : routes()) {
    if (!match(route, path)) continue;
    methods += fmt::format("{}{}, ", route.method, route.method == "GET" ? ", HEAD" : "");
  }
  return methods + "OPTIONS";
}

Response no_such_path(std::string_view path) {
  std::vector<std::string> known;
  for (const Route& route : routes()) known.emplace_back(route.path);
  std::string near = did_you_mean(shown(path), known);
  if (near.empty()) near = "; /openapi.json lists all paths.";
  return problem(Error{Code::kNotFound, fmt::format("There is no path '{}'{}", shown(path), near)});
}

Response wrong_method(const Request& request) {
  const std::string allow = methods_of(request.path);
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
    const std::string near = did_you_mean(shown(name), route.parameters);
    return fail(Code::kInvalidArgument, "{} {} knows no query parameter '{}'{}", route.method,
                route.path, shown(name), near.empty() ? "." : near);
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
        415, fmt::format("The body is '{}'; send application/json (curl: --json '…' for -d '…').",
                         shown(request.content_type))));
  }
  const auto call = make_call(found, request);
  if (!call) return reply(problem(call.error()));
  if (const auto* later = std::get_if<AnswerLater>(&found.route->run)) {
    return (*later)(app, *call, reply);
  }
  auto response = std::get<Answer>(found.route->run)(app, *call);
  reply(response ? std::move(*response) : problem(response.error()));
}

void run_caught(const App& app, const Found& found, const Request& request, const Reply& reply) {
  try {
    run(app, found, request, reply);
  } catch (const std::exception& error) {
    // The request's views may be gone with an answer already given.
    log_error("{} {} threw: {}", found.route->method, found.route->path, error.what());
    if (!reply.answered()) reply(problem(Error{Code::kInternal, "The request failed inside."}));
  }
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
  if (!found.path_known) return reply(no_such_path(request.path));
  if (found.route == nullptr) return reply(wrong_method(request));
  if (app.slow_lane == nullptr || request.body.size() <= SlowLane::kQuickBodyBytesMax) {
    return run_caught(app, found, request, reply);
  }
  // Its views live until the answer.
  app.slow_lane->run([&app, found, request, reply] { run_caught(app, found, request, reply); });
}

}  // namespace palate
