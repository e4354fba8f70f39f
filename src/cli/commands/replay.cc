#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "base/stop.h"
#include "cli/command.h"
#include "cli/print.h"
#include "operate/decision_replay.h"

namespace palate {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string id;
  DecisionSearch search;
  std::vector<std::string> stages, without;
  std::vector<size_t> without_stages;
  std::string pipeline;
  uint64_t release = 0;
  std::string filter;
  size_t n = 0;
};

Result<std::pair<size_t, std::string>> stage_of(const std::string& text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end != text.data() + text.size() && *end == '=') {
    return std::pair{number, std::string(end + 1, text.data() + text.size())};
  }
  return fail(Code::kInvalidArgument,
              "--stage takes a number and what the stage shall be, as in --stage '7=dpp "
              "strength=0.5', not '{}'",
              text);
}

Result<Position> event_of(const std::string& text) {
  const bool whole = text.find('@') != std::string::npos;
  const auto position = parse_position(whole ? text : "events/0@" + text);
  if (position) return *position;
  return fail(Code::kInvalidArgument,
              "--without-event {}: an offset, or a position like events/0@12345 (palate log "
              "--positions)",
              text);
}

Result<DecisionChange> change_of(const Context& context, const Flags& flags) {
  DecisionChange change;
  for (const std::string& text : flags.stages) change.stages.push_back(TRY(stage_of(text)));
  for (const size_t number : flags.without_stages) change.stages.emplace_back(number, "");
  for (const std::string& text : flags.without) change.without.insert(TRY(event_of(text)));
  if (!flags.pipeline.empty()) {
    const Pipeline* pipeline = TRY(context.settings.pipelines.find(flags.pipeline));
    for (const PipelineStage& stage : pipeline->stages) change.pipeline.push_back(stage.text);
    if (change.pipeline.empty()) {
      return fail(Code::kInvalidArgument, "pipeline '{}' has no stages to answer with",
                  flags.pipeline);
    }
  }
  if (flags.release > 0) change.release = flags.release;
  if (!flags.filter.empty()) change.filter = flags.filter;
  if (flags.n > 0) change.n = flags.n;
  return change;
}

Json items_json(const std::vector<AnsweredItem>& items) {
  Json json = Json::array();
  for (const AnsweredItem& item : items) {
    json.push_back({{"item", item.item}, {"title", item.title}, {"score", item.score}});
  }
  return json;
}

Json to_json(const DecisionReplay& replay) {
  const PastDecision& past = replay.past;
  Json json{{"request_id", past.moment.request_id},
            {"kind", past.kind},
            {"user", past.user},
            {"made", format_rfc3339(past.moment.now)},
            {"as_of", to_string(past.as_of)},
            {"release", past.release},
            {"models", past.models},
            {"pipeline", past.pipeline},
            {"stages", past.stages},
            {"events", replay.events},
            {"fold_s", replay.fold_s},
            {"same", replay.same},
            {"differences", replay.differences},
            {"reservations", replay.reservations},
            {"items", items_json(replay.answered)}};
  if (replay.changed) json["changed"] = items_json(*replay.changed);
  return json;
}

size_t place_of(const std::vector<AnsweredItem>& items, const std::string& item) {
  return static_cast<size_t>(std::ranges::find(items, item, &AnsweredItem::item) - items.begin());
}

std::string moved(size_t before, size_t after) {
  if (before == after) return "";
  return before > after ? fmt::format("up {}", before - after)
                        : fmt::format("down {}", after - before);
}

void print_answer(const DecisionReplay& replay) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < replay.answered.size(); ++i) {
    const AnsweredItem& item = replay.answered[i];
    rows.push_back(
        {std::to_string(i + 1), item.title, item.item, fmt::format("{:.6g}", item.score)});
  }
  print_table({"", "title", "item", "score"}, rows);
}

void print_change(const DecisionReplay& replay) {
  const std::vector<AnsweredItem>&before = replay.answered, &after = *replay.changed;
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < after.size(); ++i) {
    const size_t then = place_of(before, after[i].item);
    const bool is_new = then == before.size();
    rows.push_back({std::to_string(i + 1), after[i].title, after[i].item,
                    fmt::format("{:.6g}", after[i].score),
                    is_new ? "" : fmt::format("{:.6g}", before[then].score),
                    is_new ? "new" : moved(then, i)});
  }
  print_line();
  print_line("with the change:");
  print_table({"", "title", "item", "score", "then", "moved"}, rows);
  for (const AnsweredItem& item : before) {
    if (place_of(after, item.item) < after.size()) continue;
    print_line(fmt::format("gone: {} ({}), number {} then", item.title, item.item,
                           place_of(before, item.item) + 1));
  }
}

void print(const DecisionReplay& replay) {
  const PastDecision& past = replay.past;
  print_line(fmt::format("{} for {}, {}, by pipeline {} of release {}, as of {}",
                         past.moment.request_id, past.user.empty() ? "somebody unknown" : past.user,
                         format_rfc3339(past.moment.now), past.pipeline, past.release,
                         to_string(past.as_of)));
  for (size_t i = 0; i < past.stages.size(); ++i) {
    const std::string_view state =
        i < past.moment.stages.size() ? std::string_view(past.moment.stages[i]) : "";
    print_line(fmt::format("  {:2} {}{}", i + 1, past.stages[i],
                           state.empty() || state == "ran" ? "" : fmt::format(" ({})", state)));
  }
  print_answer(replay);
  print_line(fmt::format("state folded from {} events in {}", human_count(replay.events),
                         human_seconds(replay.fold_s)));
  if (replay.same) print_line("answered again: the same, bit for bit");
  for (const std::string& difference : replay.differences) print_line("differs: " + difference);
  for (const std::string& why : replay.reservations) print_line("note: " + why);
  if (replay.changed) print_change(replay);
}

Status list(const Context& context, DataDirectory& data, const DecisionSearch& search) {
  const auto found = TRY(find_decisions(data.log(), search, process_stop_token()));
  if (context.json) {
    Json json = Json::array();
    for (const DecisionRecord& record : found) json.push_back(Json::parse(record.json));
    print_json(json);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const DecisionRecord& record : found) {
    const PastDecision past = TRY(read_decision(record));
    const Json answer = Json::parse(record.json).at("answer");
    rows.push_back({record.id, format_rfc3339(record.made), record.user,
                    past.kind == "recommend" ? past.pipeline : past.kind, answer.value("level", ""),
                    std::to_string(answer.at("items").size())});
  }
  if (rows.empty()) {
    print_line("no answers are logged; a server logs a share of them: decisions.share");
    return {};
  }
  print_table({"request", "made", "user", "by", "level", "items"}, rows);
  return {};
}

Status replay(const Context& context, const Flags& flags) {
  auto data = TRY(context.open_data(OpenMode::kStored));
  if (flags.id.empty()) return list(context, *data, flags.search);
  const DecisionChange change = TRY(change_of(context, flags));
  const DecisionRecord record = TRY(find_decision(data->log(), flags.id, process_stop_token()));
  const DecisionReplay replay =
      TRY(replay_decision({*data, context.settings.types, process_stop_token()}, record, change));
  if (context.json) {
    print_json(to_json(replay));
  } else {
    print(replay);
  }
  if (replay.same) return {};
  return fail(Code::kConflict, "answered again, it is not the same");
}

}  // namespace

Command replay_command() {
  return {
      "replay", "Answer a logged request again, bit for bit, and with one thing changed",
      "Examples:\n  palate replay                       # the newest that are logged\n"
      "  palate replay 0c1f…                 # the same answer, from the log\n"
      "  palate replay 0c1f… --stage '7=dpp strength=0.8'\n"
      "  palate replay 0c1f… --without-event 120034 --json",
      [](CommandFlags& command) {
        auto flags = std::make_shared<Flags>();
        command.add("request", flags->id, "The answer's request_id; without it: a list");
        command.add("--user", flags->search.user, "Of the list: only this user's");
        command.add("--limit", flags->search.limit, "Of the list: at most so many").show_default();
        command.add("--stage", flags->stages,
                    "Another stage in place of one: its number, =, and what it shall be");
        command.add("--without-stage", flags->without_stages, "Without this stage");
        command.add("--pipeline", flags->pipeline, "By a pipeline that is configured now");
        command.add("--release", flags->release, "By the models of another release");
        command.add("--without-event", flags->without,
                    "As if an event had never come: its position");
        command.add("--filter", flags->filter, "With another filter");
        command.add("-n", flags->n, "More or fewer items");
        return std::function<Status(Context&)>(
            [flags](Context& context) { return replay(context, *flags); });
      }};
}

}  // namespace palate
