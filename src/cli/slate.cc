#include "cli/slate.h"

#include <nlohmann/json.hpp>

#include "cli/print.h"
#include "registry/registry.h"

namespace palate {

Result<LiveRelease> LiveRelease::open(const Context& context) {
  LiveRelease live;
  live.data = TRY(context.open_data(OpenMode::kReader));
  const Registry registry(live.data->root());
  const auto release = TRY(registry.current());
  if (!release) {
    return fail(Code::kUnavailable, "nothing is trained in {} yet: palate train",
                live.data->root().string());
  }
  live.recommender =
      TRY(Recommender::load({registry, live.data->state(), context.settings.pipelines,
                             context.settings.recommend.pipeline},
                            *release));
  return live;
}

nlohmann::ordered_json slate_json(const Slate& slate) {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const RecommendedItem& item : slate.items) {
    nlohmann::ordered_json reasons = nlohmann::ordered_json::array();
    for (const auto& reason : item.reasons) {
      reasons.push_back({{"item", reason.item}, {"title", reason.title}, {"score", reason.score}});
    }
    items.push_back({{"item", item.item},
                     {"title", item.title},
                     {"score", item.score},
                     {"source", item.source}});
    if (!reasons.empty()) items.back()["reasons"] = reasons;
  }
  nlohmann::ordered_json trace = nlohmann::ordered_json::array();
  for (const StageTrace& stage : slate.trace) {
    trace.push_back({{"stage", stage.text},
                     {"us", stage.us},
                     {"candidates", stage.candidates},
                     {"state", stage.state},
                     {"note", stage.note}});
  }
  return {{"items", items},
          {"source", slate.source},
          {"version", slate.version},
          {"release", slate.release},
          {"personalized", slate.personalized},
          {"known_user", slate.known_user},
          {"why", slate.why},
          {"cursor", slate.cursor},
          {"pipeline", slate.pipeline},
          {"level", slate.level},
          {"trace", trace}};
}

void print_trace(std::span<const StageTrace> trace) {
  if (trace.empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const StageTrace& stage : trace) {
    rows.push_back({stage.text, fmt::format("{:.0f}", stage.us), std::to_string(stage.candidates),
                    stage.state, stage.note});
  }
  print_table({"stage", "µs", "candidates", "", ""}, rows);
}

void print_slate(const Slate& slate) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < slate.items.size(); ++i) {
    const RecommendedItem& item = slate.items[i];
    std::string because;
    for (const auto& reason : item.reasons)
      because += (because.empty() ? "because of " : ", ") + reason.title;
    rows.push_back({std::to_string(i + 1), fmt::format("{:.4f}", item.score), item.item, item.title,
                    item.source, because});
  }
  print_table({"#", "score", "item", "title", "source", ""}, rows);
}

}  // namespace palate
