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
  live.recommender = TRY(Recommender::load(registry, *release, live.data->state(),
                                           context.settings.types.fingerprint()));
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
  return {{"items", items},
          {"source", slate.source},
          {"version", slate.version},
          {"release", slate.release},
          {"personalized", slate.personalized},
          {"known_user", slate.known_user},
          {"why", slate.why},
          {"cursor", slate.cursor}};
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
