#include "recommend/decision.h"

#include <array>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/version.h"
#include "events/json_text.h"
#include "features/spec.h"
#include "recommend/draft.h"
#include "recommend/steps.h"

namespace palate {
namespace {

using Json = nlohmann::json;

void write_list(JsonText& json, std::string_view key, const std::vector<std::string>& values) {
  if (values.empty()) return;
  json.key(key).open('[');
  for (const std::string& value : values) json.string(value);
  json.close(']');
}

void write_text(JsonText& json, std::string_view key, std::string_view value) {
  if (!value.empty()) json.key(key).string(value);
}

// In the order of AskedFor and PastRequest.
constexpr std::array<std::string_view, 4> kKinds{"recommend", "similar", "rank", "onboarding"};

// Each writes what is not of every request: n, exclude, categories, filter, language, explain.
void write_own(JsonText& json, const RecommendRequest& request) {
  if (request.include_consumed) json.key("include_consumed").boolean(true);
  if (request.name_last) json.key("name_last").boolean(true);
  if (!request.titles) json.key("titles").boolean(false);
  write_text(json, "cursor", request.cursor);
  write_text(json, "context", request.context_json);
}
void write_own(JsonText& json, const SimilarRequest& request) {
  json.key("item").string(request.item);
}
void write_own(JsonText& json, const RankRequest& request) {
  write_list(json, "items", request.items);
  json.key("diversity").number(request.diversity).key("diversifier").string(request.diversifier);
}
void write_own(JsonText& /*json*/, const OnboardingRequest& /*request*/) {}

void write_request(JsonText& json, const Draft& draft) {
  const RecommendRequest& request = draft.request;
  json.key("kind").string(kKinds[draft.asked.index()]);
  json.key("request").open('{').key("n").number(request.n);
  write_list(json, "exclude", request.exclude);
  write_list(json, "categories", request.categories);
  write_text(json, "filter", request.filter);
  write_text(json, "language", request.language);
  if (request.explain > 0) json.key("explain").number(request.explain);
  std::visit([&](const auto* asked) { write_own(json, *asked); }, draft.asked);
  json.close('}');
}

void write_pipeline(JsonText& json, const Pipeline& pipeline) {
  json.key("pipeline").open('{').key("name").string(pipeline.name).key("stages").open('[');
  for (const PipelineStage& stage : pipeline.stages) json.string(stage.text);
  json.close(']').key("places").number(pipeline.places);
  json.key("deadline_ms").number(pipeline.deadline_ms).close('}');
}

void write_stages(JsonText& json, const Draft& draft) {
  json.key("steps_us").open('{');
  const auto steps = request_steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    json.key(steps[i].name).number(static_cast<float>(draft.step_us[i]));
  }
  json.close('}').key("stages").open('[');
  for (const StageTrace& stage : draft.slate.trace) {
    json.open('{').key("us").number(static_cast<float>(stage.us));
    json.key("candidates").number(stage.candidates).key("state").string(stage.state);
    write_text(json, "note", stage.note);
    json.close('}');
  }
  json.close(']');
}

// Columns, as many as there are candidates.
void write_candidates(JsonText& json, const Draft& draft) {
  const std::span<const PoolItem> kept = draft.kept;
  if (kept.empty()) return;
  json.key("candidates").open('{').key("items").open('[');
  for (const PoolItem& one : kept) json.string(draft.view->name(one.item));
  json.close(']').key("scores").open('[');
  for (const PoolItem& one : kept) json.number(one.score);
  json.close(']').key("retrieval").open('[');
  for (const PoolItem& one : kept) json.number(one.retrieval);
  json.close(']').key("sources").open('[');
  for (const PoolItem& one : kept) json.number(one.sources);
  json.close(']').close('}');
}

void write_item(JsonText& json, const RecommendedItem& item) {
  json.open('{').key("item").string(item.item).key("score").number(item.score);
  json.key("source").string(item.source);
  if (!item.proposed_by.empty()) {
    json.key("proposed_by").open('[');
    for (const std::string_view stage : item.proposed_by) json.string(stage);
    json.close(']');
  }
  json.key("propensity").number(item.propensity);
  if (item.sponsored) json.key("sponsored").boolean(true);
  if (!item.reasons.empty()) {
    json.key("reasons").open('[');
    for (const auto& reason : item.reasons) {
      json.open('[').string(reason.item).number(reason.score).close(']');
    }
    json.close(']');
  }
  json.close('}');
}

// Titles are long and stand in the log of items: their hash says whether they are the same.
uint64_t hash_of_texts(const Slate& slate) {
  std::string texts = slate.last_liked;
  for (const RecommendedItem& item : slate.items) {
    texts += '\n' + item.title;
    for (const auto& reason : item.reasons) texts += '\t' + reason.title;
  }
  return hash64(texts);
}

void write_answer(JsonText& json, const Slate& slate) {
  json.key("answer").open('{').key("items").open('[');
  for (const RecommendedItem& item : slate.items) write_item(json, item);
  json.close(']').key("level").string(slate.level);
  json.key("model").string(slate.source).key("version").string(slate.version);
  json.key("personalized").boolean(slate.personalized);
  json.key("known_user").boolean(slate.known_user);
  write_text(json, "why", slate.why);
  write_text(json, "cursor", slate.cursor);
  json.key("texts").string(fmt::format("{:016x}", hash_of_texts(slate))).close('}');
}

// ---- reading ---------------------------------------------------------------------------------

std::vector<std::string> list_in(const Json& json, const char* key) {
  return json.value(key, std::vector<std::string>());
}

PastRequest request_in(const Json& json, const PastDecision& past) {
  const auto n = json.at("n").get<size_t>();
  const auto exclude = list_in(json, "exclude"), categories = list_in(json, "categories");
  const std::string filter = json.value("filter", ""), language = json.value("language", "");
  const auto explain = json.value("explain", size_t{0});
  if (past.kind == "similar") {
    return SimilarRequest{.item = json.at("item").get<std::string>(),
                          .n = n,
                          .exclude = exclude,
                          .categories = categories,
                          .filter = filter,
                          .language = language};
  }
  if (past.kind == "rank") {
    return RankRequest{.user = past.user,
                       .items = list_in(json, "items"),
                       .language = language,
                       .explain = explain,
                       .diversity = json.at("diversity").get<double>(),
                       .diversifier = json.at("diversifier").get<std::string>()};
  }
  if (past.kind == "onboarding") {
    return OnboardingRequest{.user = past.user,
                             .n = n,
                             .exclude = exclude,
                             .categories = categories,
                             .filter = filter,
                             .language = language};
  }
  return RecommendRequest{.user = past.user,
                          .n = n,
                          .exclude = exclude,
                          .categories = categories,
                          .filter = filter,
                          .include_consumed = json.value("include_consumed", false),
                          .pipeline = past.pipeline,
                          .name_last = json.value("name_last", false),
                          .cursor = json.value("cursor", ""),
                          .titles = json.value("titles", true),
                          .language = language,
                          .context_json = json.value("context", ""),
                          .explain = explain};
}

PastDecision decision_in(const Json& json) {
  PastDecision past;
  const Json& pipeline = json.at("pipeline");
  past.user = json.value("user", "");
  past.pipeline = pipeline.at("name").get<std::string>();
  past.stages = list_in(pipeline, "stages");
  past.places = pipeline.at("places").get<int64_t>();
  past.deadline_ms = pipeline.at("deadline_ms").get<double>();
  past.moment = {.request_id = json.at("request_id").get<std::string>(),
                 .now = {json.at("made").get<int64_t>()},
                 .state_missing = json.value("state_missing", false),
                 .stages = {},
                 .set_aside = list_in(json, "set_aside")};
  for (const Json& stage : json.at("stages")) {
    past.moment.stages.push_back(stage.at("state").get<std::string>());
  }
  past.kind = json.at("kind").get<std::string>();
  past.request = request_in(json.at("request"), past);
  past.as_of = parse_positions(json.at("as_of").get<std::string>()).value_or(AsOf());
  past.release = json.at("release").get<uint64_t>();
  past.models = json.at("models").get<std::map<std::string, std::string>>();
  past.program = json.at("program").get<std::string>();
  past.meaning = json.at("meaning").get<std::string>();
  return past;
}

}  // namespace

bool is_drawn(std::string_view request_id, double share) {
  return static_cast<double>(hash64(request_id) >> 11) * 0x1p-53 < share;
}

std::string state_meaning(const LiveState& state) {
  return fmt::format("{:016x}",
                     hash64(fmt::format("{:x} {:x} {:x} {} {}", state.types().fingerprint(),
                                        state.features().fingerprint(), feature_spec_hash(),
                                        state.limits().events_max, state.limits().consumed_max)));
}

DecisionRecord decision_of(const Draft& draft) {
  const Slate& slate = draft.slate;
  JsonText json(1024 + slate.items.size() * 192 + draft.kept.size() * 48);
  json.open('{').key("request_id").string(slate.request_id);
  write_text(json, "user", draft.request.user);
  json.key("made").number(draft.query.now.us);
  if (draft.state_missing) json.key("state_missing").boolean(true);
  json.key("as_of").string(to_string(slate.as_of));
  json.key("release").number(draft.loaded.release.number).key("models").open('{');
  for (const auto& [kind, version] : draft.loaded.release.artefacts) {
    json.key(kind).string(version);
  }
  json.close('}').key("program").string(version());
  json.key("meaning").string(state_meaning(*draft.loaded.state));
  write_pipeline(json, *draft.pipeline);
  write_request(json, draft);
  write_stages(json, draft);
  if (draft.set_aside && !draft.set_aside->empty()) {
    json.key("set_aside").open('[');
    for (const std::string& feature : *draft.set_aside) json.string(feature);
    json.close(']');
  }
  write_candidates(json, draft);
  write_answer(json, slate);
  json.close('}');
  return {.id = slate.request_id,
          .user = draft.request.user,
          .made = draft.query.now,
          .json = json.take()};
}

Result<PastDecision> read_decision(const DecisionRecord& record) {
  try {
    return decision_in(Json::parse(record.json));
  } catch (const Json::exception& error) {
    return fail(Code::kCorrupt, "decision {}: {}", record.id, error.what());
  }
}

}  // namespace palate
