#include "serve/slate_json.h"

#include "events/json_text.h"

namespace palate {
namespace {

void write_item(JsonText& json, const RecommendedItem& item) {
  json.open('{').key("item").string(item.item).key("title").string(item.title);
  json.key("score").number(item.score).key("source").string(item.source);
  if (!item.proposed_by.empty()) {
    json.key("proposed_by").open('[');
    for (const std::string_view stage : item.proposed_by) json.string(stage);
    json.close(']');
  }
  if (item.sponsored) json.key("sponsored").boolean(true);
  if (item.propensity < 1) json.key("propensity").number(item.propensity);
  if (!item.places.empty()) write_places(json, item.places);
  if (!item.reasons.empty()) {
    json.key("reasons").open('[');
    for (const auto& reason : item.reasons) write_reason(json, reason);
    json.close(']');
  }
  json.close('}');
}

}  // namespace

void write_places(JsonText& json, std::span<const RecommendedItem::Place> places) {
  json.key("places").open('[');
  for (const auto& place : places) {
    json.open('{').key("stage").string(place.stage);
    if (place.place > 0) json.key("place").number(uint64_t{place.place});
    json.close('}');
  }
  json.close(']');
}

void write_trace(JsonText& json, std::span<const StageTrace> trace) {
  json.key("trace").open('[');
  for (const StageTrace& stage : trace) {
    json.open('{').key("stage").string(stage.stage).key("text").string(stage.text);
    json.key("us").number(static_cast<float>(stage.us));
    json.key("candidates").number(uint64_t{stage.candidates}).key("state").string(stage.state);
    if (!stage.note.empty()) json.key("note").string(stage.note);
    json.close('}');
  }
  json.close(']');
}

void write_reason(JsonText& json, const RecommendedItem::Reason& reason) {
  json.open('{').key("item").string(reason.item).key("title").string(reason.title);
  json.key("score").number(reason.score).close('}');
}

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
  if (!slate.pipeline.empty()) json.key("pipeline").string(slate.pipeline);
  if (!slate.level.empty()) json.key("level").string(slate.level);
  if (!slate.trace.empty()) write_trace(json, slate.trace);
  if (!slate.cursor.empty()) json.key("cursor").string(slate.cursor);
  json.close('}');
  return json.take();
}

}  // namespace palate
