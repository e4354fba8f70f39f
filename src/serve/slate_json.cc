#include "serve/slate_json.h"

#include "serve/json_text.h"

namespace palate {
namespace {

void write_item(JsonText& json, const RecommendedItem& item) {
  json.open('{').key("item").string(item.item).key("title").string(item.title);
  json.key("score").number(item.score).key("source").string(item.source);
  if (!item.reasons.empty()) {
    json.key("reasons").open('[');
    for (const auto& reason : item.reasons) {
      json.open('{').key("item").string(reason.item).key("title").string(reason.title);
      json.key("score").number(reason.score).close('}');
    }
    json.close(']');
  }
  json.close('}');
}

}  // namespace

std::string to_json(const Slate& slate) {
  JsonText json(512 + slate.items.size() * 160);
  json.open('{').key("request_id").string(slate.request_id);
  json.key("release").number(slate.release);
  json.key("model").open('{').key("kind").string(slate.source);
  json.key("version").string(slate.version).close('}');
  json.key("personalized").boolean(slate.personalized);
  json.key("known_user").boolean(slate.known_user);
  if (!slate.why.empty()) json.key("why").string(slate.why);
  json.key("fresh").boolean(slate.fresh);
  json.key("as_of").open('[');
  for (const Position& position : slate.as_of) json.string(to_string(position));
  json.close(']').key("items").open('[');
  for (const RecommendedItem& item : slate.items) write_item(json, item);
  json.close(']');
  if (!slate.cursor.empty()) json.key("cursor").string(slate.cursor);
  json.close('}');
  return json.take();
}

}  // namespace palate
