#include "serve/recommend_request.h"

#include <algorithm>

#include <simdjson.h>

#include "events/context_json.h"
#include "events/limits.h"
#include "recommend/cursor.h"
#include "recommend/filter_expression.h"
#include "serve/request_fields.h"

namespace palate {
namespace {

constexpr size_t kExcludedInQueryMax = 1000;

// Parsed here too, so that what is wrong in it is said before anything is waited for.
Status check_filter(const std::string& filter) {
  if (filter.empty()) return {};
  TRY(FilterExpression::parse(filter));
  return {};
}

Status check(const RecommendRequest& request) {
  if (!request.user.empty()) TRY(check_id("user", request.user));
  TRY(check_list("exclude", request.exclude, kExcludedMax));
  TRY(check_list("categories", request.categories, kCategoriesMax));
  TRY(check_filter(request.filter));
  if (request.cursor.size() > kCursorBytesMax) {
    return fail(Code::kInvalidArgument, "'cursor' is longer than any that was given out.");
  }
  return check_language(request.language);
}

Result<AsOf> positions(std::string_view text) {
  const auto parsed = parse_positions(text);
  if (!parsed) {
    return fail(Code::kInvalidArgument,
                "'after' is a position as an acknowledgement gives it, \"events/0@123\".");
  }
  return *parsed;
}

Result<std::string> context(simdjson::dom::object object) {
  ContextBuilder builder;
  for (auto [key, value] : object) {
    std::string_view text;
    double number = 0;
    bool flag = false;
    if (!value.get_string().get(text)) {
      builder.add_text(key, text);
    } else if (!value.get_double().get(number)) {
      builder.add_number(key, number);
    } else if (!value.get_bool().get(flag)) {
      builder.add_flag(key, flag);
    } else {
      return fail(Code::kInvalidArgument, "'context': {}.",
                  reason_info(Reason::kBadContext).sentence);
    }
  }
  std::string_view canonical;
  if (const Reason reason = builder.finish(canonical); reason != Reason::kNone) {
    return fail(Code::kInvalidArgument, "'context': {}.", reason_info(reason).sentence);
  }
  return std::string(canonical);
}

Status read_user(RecommendRequest& request, std::string_view name, Value value) {
  request.user = TRY(text_of(name, value));
  return check_id(name, request.user);
}
Status read_n(RecommendRequest& request, std::string_view name, Value value) {
  request.n = TRY(count_of(name, value, 1, kItemsPerPageMax));
  return {};
}
Status read_exclude(RecommendRequest& request, std::string_view name, Value value) {
  request.exclude = TRY(list_of(name, value));
  return {};
}
Status read_categories(RecommendRequest& request, std::string_view name, Value value) {
  request.categories = TRY(list_of(name, value));
  return {};
}
Status read_filter(RecommendRequest& request, std::string_view name, Value value) {
  request.filter = TRY(text_of(name, value));
  return {};
}
Status read_include_consumed(RecommendRequest& request, std::string_view name, Value value) {
  if (value.get_bool().get(request.include_consumed)) return wrong(name, "true or false");
  return {};
}
Status read_cursor(RecommendRequest& request, std::string_view name, Value value) {
  request.cursor = TRY(text_of(name, value));
  return {};
}
Status read_language(RecommendRequest& request, std::string_view name, Value value) {
  request.language = TRY(text_of(name, value));
  return {};
}
Status read_context(RecommendRequest& request, std::string_view name, Value value) {
  simdjson::dom::object object;
  if (value.get_object().get(object)) return wrong(name, "an object");
  request.context_json = TRY(context(object));
  return {};
}
Status read_explain(RecommendRequest& request, std::string_view name, Value value) {
  request.explain = TRY(count_of(name, value, 0, kReasonsMax));
  return {};
}
Status read_pipeline(RecommendRequest& request, std::string_view name, Value value) {
  request.pipeline = TRY(text_of(name, value));
  return {};
}
Status read_trace(RecommendRequest& request, std::string_view name, Value value) {
  if (value.get_bool().get(request.trace)) return wrong(name, "true or false");
  return {};
}
Status read_after(RecommendRequest& request, std::string_view name, Value value) {
  request.after = TRY(positions(TRY(text_of(name, value))));
  return {};
}

constexpr BodyField<RecommendRequest> kBodyFields[] = {
    {"user", read_user},       {"n", read_n},
    {"exclude", read_exclude}, {"categories", read_categories},
    {"filter", read_filter},   {"include_consumed", read_include_consumed},
    {"cursor", read_cursor},   {"language", read_language},
    {"context", read_context}, {"explain", read_explain},
    {"after", read_after},     {"pipeline", read_pipeline},
    {"trace", read_trace},
};

}  // namespace

Result<RecommendRequest> recommend_request(std::string_view body) {
  RecommendRequest request;
  TRY(read_body<RecommendRequest>(body, kBodyFields, request));
  TRY(check(request));
  return request;
}

Result<RecommendRequest> recommend_request(const Parameters& given) {
  RecommendRequest request;
  if (auto user = TRY(given.one("user"))) {
    TRY(check_id("user", *user));
    request.user = std::move(*user);
  }
  request.n = static_cast<size_t>(TRY(given.whole("n", {1, kItemsPerPageMax, 10})));
  request.exclude = given.all("exclude");
  TRY(check_list("exclude", request.exclude, kExcludedInQueryMax));
  request.categories = given.all("categories");
  request.filter = TRY(given.one("filter")).value_or("");
  request.include_consumed = TRY(given.boolean("include_consumed", false));
  request.cursor = TRY(given.one("cursor")).value_or("");
  request.language = TRY(given.one("language")).value_or("");
  request.pipeline = TRY(given.one("pipeline")).value_or("");
  request.trace = TRY(given.boolean("trace", false));
  request.explain = static_cast<size_t>(TRY(given.whole("explain", {0, kReasonsMax, 0})));
  if (const auto after = TRY(given.one("after"))) request.after = TRY(positions(*after));
  if (const auto text = TRY(given.one("context"))) {
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(*text).get_object().get(object)) return wrong("context", "a JSON object");
    request.context_json = TRY(context(object));
  }
  TRY(check(request));
  return request;
}

Result<SimilarRequest> similar_request(const Parameters& given) {
  SimilarRequest request;
  const auto item = TRY(given.one("item"));
  if (!item) return fail(Code::kInvalidArgument, "Name an item: ?item=<id>.");
  request.item = *item;
  request.n = static_cast<size_t>(TRY(given.whole("n", {1, kItemsPerPageMax, 10})));
  request.exclude = given.all("exclude");
  request.categories = given.all("categories");
  request.filter = TRY(given.one("filter")).value_or("");
  request.language = TRY(given.one("language")).value_or("");
  TRY(check_id("item", request.item));
  TRY(check_list("exclude", request.exclude, kExcludedInQueryMax));
  TRY(check_list("categories", request.categories, kCategoriesMax));
  TRY(check_filter(request.filter));
  TRY(check_language(request.language));
  return request;
}

}  // namespace palate
