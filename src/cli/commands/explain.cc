#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/slate.h"
#include "cli/slate_flags.h"
#include "recommend/explanation.h"

namespace palate {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Taste& taste) {
  Json words = Json::array();
  for (const Taste::Part& part : taste.words) {
    words.push_back({{"of", part.of}, {"word", part.word}, {"score", part.score}});
  }
  return {{"score", taste.score}, {"common", taste.common}, {"words", words}, {"rest", taste.rest}};
}

Json to_json(const Explanation& explanation) {
  Json dropped = Json::array(), reasons = Json::array();
  for (const auto& rule : explanation.dropped) {
    dropped.push_back({{"by", rule.by}, {"why", rule.why}, {"keep", rule.keep}});
  }
  for (const auto& reason : explanation.reasons) {
    reasons.push_back({{"item", reason.item}, {"title", reason.title}, {"score", reason.score}});
  }
  Json places = Json::array();
  for (const auto& place : explanation.places) {
    places.push_back({{"stage", place.stage}, {"place", place.place}});
  }
  return {{"item", explanation.item},
          {"title", explanation.title},
          {"recommended", explanation.dropped.empty()},
          {"dropped", dropped},
          {"place", explanation.place},
          {"of", explanation.of},
          {"score", explanation.score},
          {"source", explanation.source},
          {"version", explanation.version},
          {"release", explanation.release},
          {"personalized", explanation.personalized},
          {"why", explanation.why},
          {"pipeline", explanation.pipeline},
          {"proposed_by", explanation.proposed_by},
          {"places", places},
          {"reasons", reasons},
          {"taste", explanation.taste ? to_json(*explanation.taste) : Json()}};
}

void print(const Explanation& explanation) {
  const bool comes = explanation.dropped.empty();
  print_line(fmt::format("{} ({}) {} number {} of {}, by {} {} with score {:.4f}{}",
                         explanation.title, explanation.item, comes ? "is" : "would be",
                         explanation.place, explanation.of, explanation.source, explanation.version,
                         explanation.score,
                         explanation.personalized ? "" : "; not personal: " + explanation.why));
  for (const auto& dropped : explanation.dropped) {
    print_line(fmt::format("dropped, {}: {}; kept by {}", dropped.by, dropped.why, dropped.keep));
  }
  if (!explanation.proposed_by.empty()) {
    print_line(fmt::format("proposed by {}", fmt::join(explanation.proposed_by, ", ")));
  }
  for (const auto& place : explanation.places) {
    print_line(place.place > 0 ? fmt::format("after {}: number {}", place.stage, place.place)
                               : fmt::format("after {}: no longer in the head", place.stage));
  }
  for (const auto& reason : explanation.reasons) {
    print_line(fmt::format("{:+.4f} because of {} ({})", reason.score, reason.title, reason.item));
  }
  if (!explanation.taste) return;
  for (const Taste::Part& part : explanation.taste->words) {
    print_line(fmt::format("{:+.4f} for the {} {}", part.score, part.of, part.word));
  }
  print_line(fmt::format("{:+.4f} whatever the item, {:+.4f} for this one itself: {:+.4f} in all",
                         explanation.taste->common, explanation.taste->rest,
                         explanation.taste->score));
}

Status explain(Context& context, const ExplainRequest& request) {
  auto live = TRY(LiveRelease::open(context));
  const Explanation explanation = TRY(live.recommender->explain(request));
  if (context.json) {
    print_json(to_json(explanation));
  } else {
    print(explanation);
  }
  return {};
}

}  // namespace

Command explain_command() {
  return {"explain", "Say why a user gets an item, or why not",
          "Examples:\n  palate explain u00001 i00042\n"
          "  palate explain u00001 i00042 --filter 'attributes.year >= 2010' --json",
          [](CommandFlags& command) {
            auto asked = std::make_shared<ExplainRequest>();
            command.add("user", asked->request.user, "The user's id; \"\" for somebody unknown")
                .required();
            command.add("item", asked->item, "The item's id").required();
            add_rule_flags(command, asked->request);
            command.add("--pipeline", asked->request.pipeline,
                        "By this pipeline instead of recommend.pipeline");
            command.add("--include-consumed", asked->request.include_consumed,
                        "As if what the user had already could come");
            command.add("--reasons", asked->reasons, "How many past items to name, at most 20")
                .between(0, 20)
                .show_default();
            return std::function<Status(Context&)>(
                [asked](Context& context) { return explain(context, *asked); });
          }};
}

}  // namespace palate
