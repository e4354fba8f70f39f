// Users and items by what one types. Both look at much: on a lane of their own, a few at a time.
#include "events/json_text.h"
#include "serve/endpoints/endpoints.h"
#include "serve/problem.h"
#include "serve/recent_users.h"
#include "serve/request_fields.h"
#include "serve/title_search.h"

namespace palate {
namespace {

constexpr int64_t kFound = 10;
constexpr int64_t kFoundMax = 50;
constexpr size_t kSearchesWaitingMax = 16;
constexpr size_t kUsersComparedMax = 1000;  // who did something last; a vector each

Result<size_t> count_of(const Parameters& parameters) {
  return static_cast<size_t>(TRY(parameters.whole("n", {1, kFoundMax, kFound})));
}

// Answers with what `search` returns once it is its turn.
template <class Search>
void search_later(const App& app, const Reply& reply, Search search) {
  const auto answer = [reply, search = std::move(search)] {
    auto response = search();
    reply(response ? std::move(*response) : problem(response.error()));
  };
  if (app.search_lane == nullptr) return answer();
  if (app.search_lane->waiting() >= kSearchesWaitingMax) {
    return reply(problem(
        Error{Code::kOverloaded, "Too many searches wait for their turn. Try again in a moment."}));
  }
  app.search_lane->run(answer);
}

struct ItemsWanted {
  TitleSearch search;
  std::string language;
};

Result<ItemsWanted> items_wanted(const Parameters& given) {
  const auto text = TRY(given.one("search"));
  if (!text || text->empty()) {
    return fail(Code::kInvalidArgument, "Say what to look for: ?search=<words of a title or id>.");
  }
  TRY(check_id("search", *text));
  ItemsWanted wanted{.search = {.text = *text, .n = TRY(count_of(given)), .now = now()},
                     .language = TRY(given.one("language")).value_or("")};
  TRY(check_language(wanted.language));
  return wanted;
}

Result<Response> answer_items(const App& app, const ItemsWanted& wanted) {
  const FoundItems found = find_items(app.data->state(), wanted.search);
  const auto view = app.data->state().catalogue().view();
  JsonText json(1024);
  json.open('{').key("items").open('[');
  for (const ItemIx ix : found.items) {
    const ItemRecord& record = view.record(ix);
    json.open('{').key("item").string(record.id);
    json.key("title").string(record.title(wanted.language));
    json.key("available").boolean(view.available(ix, wanted.search.now)).close('}');
  }
  json.close(']').key("items_read").number(found.read).close('}');
  return Response{.body = json.take()};
}

Result<Response> answer_users(const App& app, const RecentUsersSearch& search) {
  const auto found = TRY(find_recent_users(app.data->log(), *app.types, app.data->state(), search));
  JsonText json(1024);
  json.open('{').key("users").open('[');
  for (const FoundUsers::User& user : found.users) {
    json.open('{').key("user").string(user.name);
    json.key("history_length").number(user.history_length).close('}');
  }
  json.close(']').key("events_read").number(found.events_read).close('}');
  return Response{.body = json.take()};
}

Result<Response> answer_similar_users(const App& app, SimilarUsersRequest wanted) {
  const auto recommender = TRY(app.models->current());
  const FoundUsers found = TRY(find_recent_users(app.data->log(), *app.types, app.data->state(),
                                                 {.prefix = "", .n = kUsersComparedMax}));
  for (const FoundUsers::User& user : found.users) wanted.among.push_back(user.name);
  const SimilarUsers similar = TRY(recommender->similar_users(wanted));
  JsonText json(1024);
  json.open('{').key("model").open('{').key("kind").string(similar.source);
  json.key("version").string(similar.version).close('}').key("users").open('[');
  for (const SimilarUsers::User& user : similar.users) {
    json.open('{').key("user").string(user.name);
    json.key("similarity").number(user.similarity).close('}');
  }
  json.close(']').key("compared").number(uint64_t{similar.compared}).close('}');
  return Response{.body = json.take()};
}

Result<SimilarUsersRequest> similar_users_wanted(const App& app, const Parameters& given) {
  if (!app.recommend.similar_users) {
    return fail(Code::kPermission,
                "Who shares whose tastes is not told here: recommend.similar_users is off.");
  }
  SimilarUsersRequest wanted{.user = TRY(given.one("user")).value_or(""),
                             .n = TRY(count_of(given))};
  if (wanted.user.empty()) return fail(Code::kInvalidArgument, "Say of whom: ?user=<id>.");
  TRY(check_id("user", wanted.user));
  return wanted;
}

Result<RecentUsersSearch> users_wanted(const Parameters& given) {
  RecentUsersSearch search{.prefix = TRY(given.one("prefix")).value_or(""),
                           .n = TRY(count_of(given))};
  if (!search.prefix.empty()) TRY(check_id("prefix", search.prefix));
  return search;
}

}  // namespace

void get_items(const App& app, const Call& call, const Reply& reply) {
  auto wanted = items_wanted(call.parameters);
  if (!wanted) return reply(problem(wanted.error()));
  search_later(app, reply,
               [&app, wanted = std::move(*wanted)] { return answer_items(app, wanted); });
}

void get_users(const App& app, const Call& call, const Reply& reply) {
  auto wanted = users_wanted(call.parameters);
  if (!wanted) return reply(problem(wanted.error()));
  search_later(app, reply,
               [&app, wanted = std::move(*wanted)] { return answer_users(app, wanted); });
}

void get_similar_users(const App& app, const Call& call, const Reply& reply) {
  auto wanted = similar_users_wanted(app, call.parameters);
  if (!wanted) return reply(problem(wanted.error()));
  search_later(app, reply,
               [&app, wanted = std::move(*wanted)] { return answer_similar_users(app, wanted); });
}

}  // namespace palate
