#include "simulate/emit.h"

#include <queue>

#include <nlohmann/json.hpp>

#include "base/stop.h"

namespace palate {
namespace {

struct Waiting {
  World::Happening happening;
  uint64_t order;
};

struct Later {
  bool operator()(const Waiting& a, const Waiting& b) const {
    return std::tuple(a.happening.ts.us, a.order) > std::tuple(b.happening.ts.us, b.order);
  }
};

}  // namespace

Status for_each_happening(const World& world, std::stop_token stop,
                          const std::function<Status(const World::Happening&)>& visit) {
  // Sessions overlap: what has happened waits until no later session can come before it.
  std::priority_queue<Waiting, std::vector<Waiting>, Later> waiting;
  uint64_t order = 0;
  const auto flush_before = [&](TimeUs time) -> Status {
    while (!waiting.empty() && waiting.top().happening.ts < time) {
      TRY(visit(waiting.top().happening));
      waiting.pop();
    }
    return {};
  };
  for (const World::Session& session : world.sessions()) {
    TRY(check_stop(stop));
    TRY(flush_before(session.start));
    for (World::Happening& happening : world.play(session))
      waiting.push({std::move(happening), order++});
  }
  return flush_before({INT64_MAX});
}

Status append_happening(const World::Happening& happening, const EventTypes& types,
                        EventBatch& batch) {
  const auto type = types.find(happening.type);
  if (!type)
    return fail(Code::kInvalidArgument, "the event type '{}' is not declared", happening.type);
  EventView row;
  row.type = *type;
  row.user = batch.arena.copy(happening.user);
  row.item = batch.arena.copy(happening.item);
  row.request_id = batch.arena.copy(happening.request_id);
  row.context = batch.arena.copy(happening.context);
  row.ts = row.received = happening.ts;
  row.value = happening.value;
  row.slot = happening.slot;
  batch.rows.push_back(row);
  return {};
}

std::string to_json(const World::Happening& happening) {
  nlohmann::ordered_json json{{"type", happening.type},
                              {"user", happening.user},
                              {"item", happening.item},
                              {"ts", format_rfc3339(happening.ts)}};
  if (!std::isnan(happening.value)) json["value"] = happening.value;
  json["request_id"] = happening.request_id;
  json["slot"] = happening.slot;
  json["context"] = nlohmann::ordered_json::parse(happening.context);
  return json.dump();
}

}  // namespace palate
