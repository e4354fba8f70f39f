#include "serve/explain_request.h"

#include "recommend/diversity.h"
#include "serve/recommend_request.h"
#include "serve/request_fields.h"

namespace palate {
namespace {

Status read_user(RankRequest& request, std::string_view name, Value value) {
  request.user = TRY(text_of(name, value));
  return check_id(name, request.user);
}
Status read_items(RankRequest& request, std::string_view name, Value value) {
  request.items = TRY(list_of(name, value));
  return check_list(name, request.items, kRankedMax);
}
Status read_language(RankRequest& request, std::string_view name, Value value) {
  request.language = TRY(text_of(name, value));
  return check_language(request.language);
}
Status read_explain(RankRequest& request, std::string_view name, Value value) {
  request.explain = TRY(count_of(name, value, 0, kReasonsMax));
  return {};
}

Status read_diversity(RankRequest& request, std::string_view name, Value value) {
  const bool number = !value.get_double().get(request.diversity);
  if (number && request.diversity >= 0 && request.diversity <= 1) return {};
  return wrong(name, "a number from 0 to 1");
}
Status read_diversifier(RankRequest& request, std::string_view name, Value value) {
  request.diversifier = TRY(text_of(name, value));
  return diversifier(request.diversifier) ? Status() : wrong(name, "\"dpp\" or \"mmr\"");
}

constexpr BodyField<RankRequest> kRankFields[] = {
    {"user", read_user},       {"items", read_items},         {"language", read_language},
    {"explain", read_explain}, {"diversity", read_diversity}, {"diversifier", read_diversifier},
};

}  // namespace

Result<RankRequest> rank_request(std::string_view body) {
  RankRequest request;
  TRY(read_body<RankRequest>(body, kRankFields, request));
  if (request.items.empty()) {
    return fail(Code::kInvalidArgument, "'items' names what is to be ranked, 1 to {} ids.",
                kRankedMax);
  }
  return request;
}

Result<ExplainRequest> explain_request(const Parameters& given) {
  const auto item = TRY(given.one("item"));
  if (!item) return fail(Code::kInvalidArgument, "Name an item: ?item=<id>.");
  TRY(check_id("item", *item));
  ExplainRequest request{.item = *item, .request = TRY(recommend_request(given))};
  request.reasons = static_cast<size_t>(TRY(given.whole("reasons", {0, kReasonsMax, 5})));
  return request;
}

}  // namespace palate
