#include "serve/recommend_request.h"

#include <algorithm>

#include <simdjson.h>

#include "base/near_names.h"
#include "events/context_json.h"
#include "events/limits.h"
#include "serve/body.h"

namespace palate {
namespace {

using Value = simdjson::dom::element;

constexpr size_t kLanguageBytesMax = 35;  // the longest tag that RFC 5646 asks to be supported
constexpr size_t kCursorBytesMax = 1024;
constexpr size_t kExcludedInQueryMax = 1000;

Status check_id(std::string_view field, std::string_view id) {
  if (id.empty() || id.size() > kIdBytesMax) {
    return fail(Code::kInvalidArgument, "'{}' is {} bytes long; ids have 1 to {}.", field,
                id.size(), kIdBytesMax);
  }
  if (const Reason reason = check_text(id); reason != Reason::kNone) {
    return fail(Code::kInvalidArgument, "'{}': {}.", field, reason_info(reason).sentence);
  }
  return {};
}

Status check_list(std::string_view field, const std::vector<std::string>& ids, size_t entries_max) {
  if (ids.size() > entries_max) {
    return fail(Code::kInvalidArgument, "'{}' has {} entries; at most {} are taken.", field,
                ids.size(), entries_max);
  }
  for (const std::string& id : ids) TRY(check_id(field, id));
  return {};
}

Status check_language(std::string_view language) {
  const bool fits =
      language.size() <= kLanguageBytesMax && std::ranges::all_of(language, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
      });
  if (fits) return {};
  return fail(Code::kInvalidArgument, "'language' is a tag like \"en\" or \"pt-BR\".");
}

Status check(const RecommendRequest& request) {
  if (!request.user.empty()) TRY(check_id("user", request.user));
  TRY(check_list("exclude", request.exclude, kExcludedMax));
  TRY(check_list("categories", request.categories, kCategoriesMax));
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

std::unexpected<Error> wrong(std::string_view field, std::string_view needed) {
  return fail(Code::kInvalidArgument, "'{}' must be {}.", field, needed);
}

Result<std::string> text_of(std::string_view field, Value value) {
  std::string_view text;
  if (value.get_string().get(text)) return wrong(field, "a string");
  return std::string(text);
}

Result<std::vector<std::string>> list_of(std::string_view field, Value value) {
  simdjson::dom::array array;
  if (value.get_array().get(array)) return wrong(field, "a list of strings");
  std::vector<std::string> texts;
  for (const Value entry : array) texts.push_back(TRY(text_of(field, entry)));
  return texts;
}

Result<size_t> count_of(std::string_view field, Value value, size_t min, size_t max) {
  int64_t count = 0;
  if (value.get_int64().get(count) || count < static_cast<int64_t>(min) ||
      count > static_cast<int64_t>(max)) {
    return wrong(field, fmt::format("a whole number from {} to {}", min, max));
  }
  return static_cast<size_t>(count);
}

// The fields of a body, each with how it is read.
struct BodyField {
  std::string_view name;
  Status (*read)(RecommendRequest& request, std::string_view name, Value value);
};

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
Status read_after(RecommendRequest& request, std::string_view name, Value value) {
  request.after = TRY(positions(TRY(text_of(name, value))));
  return {};
}

constexpr BodyField kBodyFields[] = {
    {"user", read_user},
    {"n", read_n},
    {"exclude", read_exclude},
    {"categories", read_categories},
    {"include_consumed", read_include_consumed},
    {"cursor", read_cursor},
    {"language", read_language},
    {"context", read_context},
    {"explain", read_explain},
    {"after", read_after},
};

std::unexpected<Error> unknown_field(std::string_view key) {
  std::vector<std::string> known;
  for (const BodyField& field : kBodyFields) known.emplace_back(field.name);
  const std::string shown(key.substr(0, 64));
  return fail(Code::kInvalidArgument, "There is no field '{}'{}.", shown,
              did_you_mean(shown, known));
}

Status read_fields(RecommendRequest& request, simdjson::dom::object object) {
  uint32_t seen = 0;
  for (auto [key, value] : object) {
    const auto* field = std::ranges::find(kBodyFields, key, &BodyField::name);
    if (field == std::end(kBodyFields)) return unknown_field(key);
    const auto bit = 1u << (field - std::begin(kBodyFields));
    if (seen & bit) return fail(Code::kInvalidArgument, "The field '{}' is given twice.", key);
    seen |= bit;
    TRY(field->read(request, key, value));
  }
  return {};
}

}  // namespace

Result<RecommendRequest> recommend_request(std::string_view body) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object object;
  if (const auto error = parser.parse(body.data(), body.size()).get(root)) {
    TRY(check_json(body));
    return fail(Code::kInvalidArgument, "The body cannot be read: {}.",
                simdjson::error_message(error));
  }
  if (root.get_object().get(object)) {
    return fail(Code::kInvalidArgument, "The body is one JSON object, like {{\"user\":\"u1\"}}.");
  }
  RecommendRequest request;
  TRY(read_fields(request, object));
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
  request.include_consumed = TRY(given.boolean("include_consumed", false));
  request.cursor = TRY(given.one("cursor")).value_or("");
  request.language = TRY(given.one("language")).value_or("");
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
  request.language = TRY(given.one("language")).value_or("");
  TRY(check_id("item", request.item));
  TRY(check_list("exclude", request.exclude, kExcludedInQueryMax));
  TRY(check_list("categories", request.categories, kCategoriesMax));
  TRY(check_language(request.language));
  return request;
}

}  // namespace palate
