#include "operate/decision_replay.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>

#include <nlohmann/json.hpp>

#include "base/stop.h"
#include "base/version.h"
#include "base/work_folder.h"
#include "events/block.h"
#include "events/past_log.h"
#include "recommend/pipeline.h"
#include "registry/registry.h"
#include "store/rocks_state.h"

namespace palate {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

// State as it was, in the order of opening.
struct PastState {
  std::unique_ptr<WorkFolder> folder;
  std::unique_ptr<PastLog> log;
  std::unique_ptr<Database> database;
  std::unique_ptr<RocksState> store;
  std::unique_ptr<LiveState> live;
};

Result<PastState> fold(const DecisionRoom& room, const AsOf& as_of, std::set<Position> without) {
  PastState past;
  past.folder = TRY(WorkFolder::temporary("replay"));
  past.log = std::make_unique<PastLog>(room.data.log(), as_of, std::move(without));
  past.database = TRY(Database::open(
      {.path = past.folder->path() / "db", .tenant = {}, .mode = DatabaseOptions::Mode::kWriter}));
  past.store = std::make_unique<RocksState>(*past.database);
  const LiveState& now = room.data.state();
  past.live = std::make_unique<LiveState>(LiveState::Parts{.types = &room.types,
                                                           .hash = &room.data.hash(),
                                                           .store = past.store.get(),
                                                           .tenant = {},
                                                           .limits = now.limits(),
                                                           .features = now.features()});
  TRY(past.live->catch_up(*past.log, room.stop));
  return past;
}

uint64_t events_of(const AsOf& as_of) {
  uint64_t events = 0;
  for (const Position& end : as_of) {
    if (end.stream == Stream::kEvents) events += end.offset;
  }
  return events;
}

Result<Pipelines> pipelines_of(const PastDecision& past) {
  Pipelines pipelines;
  const Status declared = pipelines.declare(
      past.pipeline,
      {{"stages", past.stages}, {"places", past.places}, {"deadline_ms", past.deadline_ms}});
  if (declared) return pipelines;
  return std::unexpected(declared.error().within(fmt::format("pipeline {}", past.pipeline)));
}

struct Once {
  Slate slate;
  Json answer;
};

Result<Once> answer_once(const DecisionRoom& room, const LiveState& state,
                         const PastDecision& past) {
  const Registry registry(room.data.root());
  const Pipelines pipelines = TRY(pipelines_of(past));
  const auto recommender = TRY(Recommender::load({registry, state, pipelines, past.pipeline},
                                                 TRY(registry.get(past.release))));
  auto repeated = TRY(recommender->repeat(past));
  return Once{std::move(repeated.slate), Json::parse(repeated.decision.json).at("answer")};
}

std::vector<AnsweredItem> items_of(const Slate& slate) {
  std::vector<AnsweredItem> items;
  for (const RecommendedItem& item : slate.items)
    items.push_back({item.item, item.title, item.score});
  return items;
}

// As logged, with titles as they are where it was made again.
std::vector<AnsweredItem> items_of(const Json& answer, const Once& once,
                                   const Catalogue::View& view) {
  std::map<std::string, std::string> titles;
  for (const RecommendedItem& item : once.slate.items) titles[item.item] = item.title;
  std::vector<AnsweredItem> items;
  for (const Json& one : answer.at("items")) {
    AnsweredItem& item = items.emplace_back();
    item.item = one.at("item").get<std::string>();
    item.score = one.at("score").get<float>();
    const auto title = titles.find(item.item);
    const auto ix = view.find(item.item);
    item.title = title != titles.end() ? title->second : ix ? view.record(*ix).title("") : "";
  }
  return items;
}

void compare(const Json& then, const Json& now, std::vector<std::string>& differences) {
  const Json &before = then.at("items"), &after = now.at("items");
  for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
    if (i >= before.size() || i >= after.size()) {
      differences.push_back(fmt::format("{} items then, {} now", before.size(), after.size()));
      break;
    }
    if (before[i] == after[i]) continue;
    differences.push_back(
        fmt::format("place {}: then {}, now {}", i + 1, before[i].dump(), after[i].dump()));
  }
  for (const auto& [key, value] : then.items()) {
    if (key == "items" || (now.contains(key) && now.at(key) == value)) continue;
    differences.push_back(fmt::format("{}: then {}, now {}", key, value.dump(),
                                      now.contains(key) ? now.at(key).dump() : "nothing"));
  }
}

std::vector<std::string> reservations_of(const PastDecision& past, DataDirectory& data) {
  std::vector<std::string> why;
  if (past.meaning != state_meaning(data.state())) {
    why.push_back(
        "event types, features or data.history_events_max are not those of then: the same log "
        "gives another state");
  }
  if (past.program != version()) {
    why.push_back(fmt::format("palate {} answered, this is {}", past.program, version()));
  }
  const auto forgotten = data.forgetting().records();
  const auto later = [&](const ForgetRecord& record) {
    const auto asked = parse_rfc3339(record.asked);
    return asked && *asked > past.moment.now;
  };
  const auto gone = forgotten ? std::ranges::count_if(*forgotten, later) : 0;
  if (gone > 0) {
    why.push_back(fmt::format("{} users have been forgotten since, and what they did", gone));
  }
  return why;
}

Result<std::vector<std::string>> changed_stages(const PastDecision& past,
                                                const DecisionChange& change) {
  std::vector<std::string> stages = change.pipeline.empty() ? past.stages : change.pipeline;
  for (const auto& [number, text] : change.stages) {
    if (number < 1 || number > stages.size()) {
      return fail(Code::kInvalidArgument, "there is no stage {}; the pipeline has {}", number,
                  stages.size());
    }
    stages[number - 1] = text;
  }
  std::erase(stages, "");
  return stages;
}

Status change_request(const DecisionChange& change, PastDecision& past) {
  const auto apply = [&](auto& request) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(request)>, RankRequest>) {
      return !change.filter && !change.n;
    } else {
      if (change.filter) request.filter = *change.filter;
      if (change.n) request.n = *change.n;
      return true;
    }
  };
  if (std::visit(apply, past.request)) return {};
  return fail(Code::kInvalidArgument, "what is ranked has no filter and no n to change");
}

Status check_without(const DecisionChange& change, const AsOf& as_of) {
  for (const Position& event : change.without) {
    const bool there = std::ranges::any_of(as_of, [&](const Position& end) {
      return end.stream == event.stream && end.partition == event.partition &&
             event.offset < end.offset;
    });
    if (event.stream == Stream::kEvents && there) continue;
    return fail(Code::kInvalidArgument, "{} is no event that came before {}", to_string(event),
                to_string(as_of));
  }
  return {};
}

Status answer_changed(const DecisionRoom& room, const PastState& as_it_was,
                      const DecisionChange& change, DecisionReplay& out) {
  PastDecision past = out.past;
  past.stages = TRY(changed_stages(past, change));
  if (past.stages != out.past.stages) {
    past.moment.stages.clear();  // whatever was left out then: these all run
    if (auto* request = std::get_if<RecommendRequest>(&past.request)) request->cursor.clear();
  }
  past.release = change.release.value_or(past.release);
  TRY(check_without(change, past.as_of));
  TRY(change_request(change, past));
  if (change.now) past.moment.now = *change.now;
  std::optional<PastState> otherwise;
  if (!change.without.empty()) otherwise = TRY(fold(room, past.as_of, change.without));
  const LiveState& state = otherwise ? *otherwise->live : *as_it_was.live;
  const Once once = TRY(answer_once(room, state, past));
  out.changed = items_of(once.slate);
  out.changed_level = once.slate.level;
  return {};
}

}  // namespace

bool DecisionChange::nothing() const {
  return stages.empty() && pipeline.empty() && !release && without.empty() && !filter && !n && !now;
}

Result<std::vector<DecisionRecord>> find_decisions(const EventLog& log,
                                                   const DecisionSearch& search,
                                                   const std::stop_token& stop) {
  std::deque<DecisionRecord> newest;
  TRY(log.read({Stream::kDecisions, 0, 0}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    for (DecisionRecord& record : TRY(decode_decisions(block.bytes))) {
      if (record.id.empty() || (!search.user.empty() && record.user != search.user)) continue;
      newest.push_front(std::move(record));
      if (newest.size() > search.limit) newest.pop_back();
    }
    return {};
  }));
  return std::vector<DecisionRecord>(std::make_move_iterator(newest.begin()),
                                     std::make_move_iterator(newest.end()));
}

Result<DecisionRecord> find_decision(const EventLog& log, std::string_view request_id,
                                     const std::stop_token& stop) {
  std::optional<DecisionRecord> found;
  TRY(log.read({Stream::kDecisions, 0, 0}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    for (DecisionRecord& record : TRY(decode_decisions(block.bytes))) {
      if (record.id == request_id) found = std::move(record);
    }
    return {};
  }));
  if (found) return std::move(*found);
  return fail(Code::kNotFound,
              "no answer '{}' is logged. A server logs a share of its answers (decisions.share; "
              "retention.decisions_days says for how long), within a second; `palate replay` "
              "without an id lists the newest",
              request_id.substr(0, 64));
}

Result<DecisionReplay> replay_decision(const DecisionRoom& room, const DecisionRecord& record,
                                       const DecisionChange& change) {
  DecisionReplay out;
  out.past = TRY(read_decision(record));
  const auto begin = Clock::now();
  const PastState state = TRY(fold(room, out.past.as_of, {}));
  out.fold_s = std::chrono::duration<double>(Clock::now() - begin).count();
  out.events = events_of(out.past.as_of);
  const Once once = TRY(answer_once(room, *state.live, out.past));
  const Json then = Json::parse(record.json).at("answer");
  compare(then, once.answer, out.differences);
  out.same = out.differences.empty();
  out.reservations = reservations_of(out.past, room.data);
  out.answered = items_of(then, once, state.live->catalogue().view());
  if (!change.nothing()) TRY(answer_changed(room, state, change, out));
  return out;
}

}  // namespace palate
