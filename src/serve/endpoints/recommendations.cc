#include <algorithm>
#include <memory>

#include "serve/endpoints/endpoints.h"
#include "serve/problem.h"
#include "serve/recommend_request.h"
#include "serve/slate_json.h"

namespace palate {
namespace {

constexpr int64_t kPollUs = 500;  // between two looks whether `after` is reached

Result<Slate> ask(const App& app, const RecommendRequest& request) {
  const LiveModels::Pair models = app.models->get();
  if (!models.current) {
    return fail(Code::kUnavailable,
                "No release is loaded yet; see /readyz, and `palate train` makes one.");
  }
  auto slate = models.current->recommend(request);
  // A page of the release before goes on where it was.
  const bool foreign = !slate && slate.error().code == Code::kConflict && !request.cursor.empty();
  if (foreign && models.previous) {
    auto paged = models.previous->recommend(request);
    if (paged) return paged;
  }
  return slate;
}

void answer(const App& app, const RecommendRequest& request, bool fresh, const Reply& reply) {
  auto slate = ask(app, request);
  if (!slate) return reply(problem(slate.error()));
  slate->fresh = fresh;
  app.metrics->recommended(slate->personalized);
  reply({.body = to_json(*slate)});
}

// Looks again and again, without holding the thread in between, until the position is reached or
// the time is up.
void answer_after(const App& app, std::shared_ptr<RecommendRequest> request, int64_t left_us,
                  const Reply& reply) {
  if (app.data->state().wait_for(*request->after, 0)) {
    request->after.reset();
    return answer(app, *request, true, reply);
  }
  if (left_us <= 0) {
    request->after.reset();
    return answer(app, *request, false, reply);
  }
  const int64_t delay_us = std::min(kPollUs, left_us);
  reply.later(delay_us, [&app, request, left_us, delay_us, reply] {
    answer_after(app, request, left_us - delay_us, reply);
  });
}

void start(const App& app, Result<RecommendRequest> request, const Reply& reply) {
  if (!request) return reply(problem(request.error()));
  if (!request->after) return answer(app, *request, true, reply);
  const auto wait_us = static_cast<int64_t>(app.config.after_wait_ms_max * 1e3);
  answer_after(app, std::make_shared<RecommendRequest>(std::move(*request)), wait_us, reply);
}

}  // namespace

void get_recommendations(const App& app, const Call& call, const Reply& reply) {
  start(app, recommend_request(call.parameters), reply);
}

void post_recommendations(const App& app, const Call& call, const Reply& reply) {
  start(app, recommend_request(call.request.body), reply);
}

}  // namespace palate
