#include "serve/explain_json.h"

#include "events/json_text.h"
#include "serve/slate_json.h"

namespace palate {
namespace {

void write_taste(JsonText& json, const Taste& taste) {
  json.key("taste").open('{').key("score").number(taste.score);
  json.key("common").number(taste.common).key("words").open('[');
  for (const Taste::Part& part : taste.words) {
    json.open('{').key("of").string(part.of).key("word").string(part.word);
    json.key("score").number(part.score).close('}');
  }
  json.close(']').key("rest").number(taste.rest).close('}');
}

}  // namespace

std::string to_json(const Explanation& explanation) {
  JsonText json(1024);
  json.open('{').key("item").string(explanation.item).key("title").string(explanation.title);
  json.key("recommended").boolean(explanation.dropped.empty());
  json.key("dropped").open('[');
  for (const auto& dropped : explanation.dropped) {
    json.open('{').key("by").string(dropped.by).key("why").string(dropped.why);
    json.key("keep").string(dropped.keep).close('}');
  }
  json.close(']').key("place").number(explanation.place).key("of").number(explanation.of);
  json.key("score").number(explanation.score).key("source").string(explanation.source);
  json.key("release").number(explanation.release);
  if (!explanation.version.empty()) json.key("version").string(explanation.version);
  json.key("personalized").boolean(explanation.personalized);
  if (!explanation.why.empty()) json.key("why").string(explanation.why);
  json.key("as_of").open('[');
  for (const Position& position : explanation.as_of) json.string(to_string(position));
  json.close(']').key("reasons").open('[');
  for (const auto& reason : explanation.reasons) write_reason(json, reason);
  json.close(']');
  if (explanation.taste) write_taste(json, *explanation.taste);
  json.key("pipeline").string(explanation.pipeline);
  if (!explanation.proposed_by.empty()) {
    json.key("proposed_by").open('[');
    for (const std::string_view stage : explanation.proposed_by) json.string(stage);
    json.close(']');
    write_places(json, explanation.places);
  }
  if (!explanation.trace.empty()) write_trace(json, explanation.trace);
  json.close('}');
  return json.take();
}

std::string to_json(const RankedCandidates& ranked) {
  std::string text = to_json(ranked.slate);
  JsonText unknown;
  unknown.open('[');
  for (const std::string& id : ranked.unknown) unknown.string(id);
  unknown.close(']');
  text.pop_back();
  return text + ",\"unknown\":" + unknown.take() + "}";
}

}  // namespace palate
