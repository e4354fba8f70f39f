#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "serve/endpoints/endpoints.h"
#include "serve/problem.h"
#include "serve/recommend_request.h"
#include "serve/slate_json.h"

namespace palate {
namespace {

constexpr int64_t kPollUs = 500;  // between two looks whether `after` is reached

Result<Slate> ask(const App& app, const RecommendRequest& request) {
  const auto recommender = TRY(app.models->current());
  auto slate = recommender->recommend(request);
  // A page of the release before goes on where it was.
  if (slate || slate.error().code != Code::kConflict || request.cursor.empty()) return slate;
  const auto previous = app.models->get().previous;
  if (!previous) return slate;
  auto paged = previous->recommend(request);
  return paged ? std::move(paged) : std::move(slate);
}

// `seen`: from before the slate was made.
void send(const App& app, Result<Slate> slate, AsOf seen, const Reply& reply) {
  if (!slate) return reply(problem(slate.error()));
  if (!seen.empty()) slate->as_of = std::move(seen);
  app.metrics->recommended(slate->personalized);
  reply({.body = to_json(*slate)});
}

void answer(const App& app, const RecommendRequest& request, bool fresh, const Reply& reply) {
  AsOf seen = shared_positions(app);
  auto slate = ask(app, request);
  if (slate) slate->fresh = fresh;
  send(app, std::move(slate), std::move(seen), reply);
}

// Requests that one event loop finds waiting at the same time are ranked in one pass over the
// items. Only on the event loops: batches are never seen by another thread.
class Batch {
 public:
  // What waits is answered as soon as so many do.
  static constexpr size_t kTogether = 8;

  static Batch& of_this_loop() {
    static thread_local Batch batch;
    return batch;
  }
  void add(const App& app, RecommendRequest request, const Reply& reply) {
    requests_.push_back(std::move(request));
    replies_.push_back(reply);
    if (requests_.size() == kTogether) return answer_all(app);
    // Behind everything else that is ready.
    if (requests_.size() == 1) reply.later(0, [&app] { of_this_loop().answer_all(app); });
  }

 private:
  void answer_all(const App& app) {
    const auto requests = std::exchange(requests_, {});
    const auto replies = std::exchange(replies_, {});
    try {
      const LiveModels::Pair models = app.models->get();
      if (requests.size() < 2 || !models.current) {
        for (size_t i = 0; i < requests.size(); ++i) answer(app, requests[i], true, replies[i]);
        return;
      }
      const AsOf seen = shared_positions(app);
      auto slates = models.current->recommend_together(requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        send(app, std::move(slates[i]), seen, replies[i]);
      }
    } catch (const std::exception& error) {
      log_error("requests for recommendations threw: {}", error.what());
      for (const Reply& reply : replies) {
        if (reply.answered()) continue;
        reply(problem(Error{Code::kInternal, "The request failed inside."}));
      }
    }
  }
  std::vector<RecommendRequest> requests_;
  std::vector<Reply> replies_;
};

// Quick ones, so that none waits long for the others.
bool may_be_batched(const App& app, const RecommendRequest& request) {
  constexpr size_t kItems = 50, kExcluded = 50;
  const bool plain = request.pipeline.empty() && !request.trace && app.plain;
  return plain && request.after.empty() && request.cursor.empty() && request.explain == 0 &&
         request.n <= kItems && request.exclude.size() <= kExcluded && request.categories.empty() &&
         request.filter.empty();
}

// Looks again and again, without holding the thread in between, until the position is reached or
// the time is up.
void answer_after(const App& app, std::shared_ptr<RecommendRequest> request, int64_t left_us,
                  const Reply& reply) {
  if (app.intake->reached(request->after, request->user)) {
    request->after.clear();
    return answer(app, *request, true, reply);
  }
  if (left_us <= 0) {
    request->after.clear();
    return answer(app, *request, false, reply);
  }
  const int64_t delay_us = std::min(kPollUs, left_us);
  reply.later(delay_us, [&app, request, left_us, delay_us, reply] {
    answer_after(app, request, left_us - delay_us, reply);
  });
}

void start(const App& app, Result<RecommendRequest> request, const Reply& reply) {
  if (!request) return reply(problem(request.error()));
  if (const auto may = check_pipeline(app, *request); !may) return reply(problem(may.error()));
  if (request->after.empty()) return answer(app, *request, true, reply);
  const auto wait_us = static_cast<int64_t>(app.config.after_wait_ms_max * 1e3);
  answer_after(app, std::make_shared<RecommendRequest>(std::move(*request)), wait_us, reply);
}

}  // namespace

void get_recommendations(const App& app, const Call& call, const Reply& reply) {
  auto request = recommend_request(call.parameters);
  if (request && call.request.body.empty() && may_be_batched(app, *request)) {
    return Batch::of_this_loop().add(app, std::move(*request), reply);
  }
  start(app, std::move(request), reply);
}

void post_recommendations(const App& app, const Call& call, const Reply& reply) {
  start(app, recommend_request(call.request.body), reply);
}

}  // namespace palate
