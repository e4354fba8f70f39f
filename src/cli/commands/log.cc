#include "base/log.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "events/block.h"
#include "events/event_json.h"

namespace palate {
namespace {

struct Flags {
  std::string stream = "events";
  std::string from;          // a position, or an offset of partition 0
  std::string since, until;  // of `received`
  std::string user, item, type;
  uint64_t limit = 0;
  bool positions = false;
};

// What is wanted, understood.
struct Wish {
  Position from;
  TimeUs since{std::numeric_limits<int64_t>::min()}, until{std::numeric_limits<int64_t>::max()};
};

// Ends a reading that has found enough.
constexpr Code kEnough = Code::kCancelled;

Result<Wish> understand(const Flags& flags) {
  Wish wish;
  while (stream_name(wish.from.stream) != flags.stream) {
    wish.from.stream = static_cast<Stream>(static_cast<int>(wish.from.stream) + 1);
  }
  if (!flags.since.empty()) wish.since = TRY(parse_rfc3339(flags.since));
  if (!flags.until.empty()) wish.until = TRY(parse_rfc3339(flags.until));
  if (flags.from.empty()) return wish;
  const bool whole = flags.from.find('@') != std::string::npos;
  const auto from = parse_position(whole ? flags.from : flags.stream + "/0@" + flags.from);
  if (!from || from->stream != wish.from.stream) {
    return fail(Code::kInvalidArgument,
                "--from {}: a position of {} is an offset or looks like {}/0@12345", flags.from,
                flags.stream, flags.stream);
  }
  wish.from = *from;
  return wish;
}

class Printer {
 public:
  Printer(const Flags& flags, const Wish& wish, const EventTypes& types)
      : flags_(flags), wish_(wish), types_(types) {}

  Status operator()(const EventLog::Block& block) {
    TRY(check_stop(process_stop_token()));
    if (wish_.from.stream == Stream::kItems) return records(block, TRY(decode_items(block.bytes)));
    if (wish_.from.stream == Stream::kUsers) return records(block, TRY(decode_users(block.bytes)));
    if (wish_.from.stream == Stream::kDecisions) {
      return decisions(block, TRY(decode_decisions(block.bytes)));
    }
    const EventBatch batch = TRY(decode_events(block.bytes, types_));
    for (size_t i = 0; i < batch.rows.size(); ++i) {
      if (!wanted(batch.rows[i])) continue;
      TRY(print(block.first, i, to_json(batch.rows[i], types_.at(batch.rows[i].type).name)));
    }
    return {};
  }

  uint64_t undeclared = 0;  // events of types that the config does not have any more

 private:
  template <class Record>
  Status records(const EventLog::Block& block, const std::vector<Record>& records) {
    const std::string& id = wish_.from.stream == Stream::kItems ? flags_.item : flags_.user;
    for (size_t i = 0; i < records.size(); ++i) {
      if (records[i].id.empty() || (!id.empty() && records[i].id != id)) continue;
      TRY(print(block.first, i, to_json(records[i])));
    }
    return {};
  }

  Status decisions(const EventLog::Block& block, const std::vector<DecisionRecord>& decisions) {
    for (size_t i = 0; i < decisions.size(); ++i) {
      const DecisionRecord& one = decisions[i];
      if (one.id.empty() || one.made < wish_.since || one.made >= wish_.until) continue;
      if (!flags_.user.empty() && one.user != flags_.user) continue;
      TRY(print(block.first, i, one.json));
    }
    return {};
  }

  bool wanted(const EventView& row) {
    if (row.user.empty()) return false;  // erased
    if (row.received < wish_.since || row.received >= wish_.until) return false;
    if (!flags_.user.empty() && row.user != flags_.user) return false;
    if (!flags_.item.empty() && row.item != flags_.item) return false;
    if (row.type.value >= types_.size()) {
      ++undeclared;
      return false;
    }
    return flags_.type.empty() || types_.at(row.type).name == flags_.type;
  }

  Status print(Position first, size_t index, const std::string& json) {
    first.offset += index;
    if (first < wish_.from) return {};  // in the block that holds it
    if (flags_.positions) {
      print_line(fmt::format("{{\"position\":\"{}\",{}", to_string(first), json.substr(1)));
    } else {
      print_line(json);
    }
    if (++printed_ != flags_.limit) return {};
    return fail(kEnough, "as many as were wanted");
  }

  const Flags& flags_;
  const Wish& wish_;
  const EventTypes& types_;
  uint64_t printed_ = 0;
};

Status run(const Context& context, const Flags& flags) {
  const Wish wish = TRY(understand(flags));
  auto data = TRY(context.open_data(OpenMode::kStored));
  Printer printer(flags, wish, context.settings.types);
  for (const Position& end : TRY(data->log().ends())) {
    const bool named = flags.from.find('@') != std::string::npos;
    if (end.stream != wish.from.stream) continue;
    if (named && end.partition != wish.from.partition) continue;
    Position from = wish.from;
    from.partition = end.partition;
    const Status read = data->log().read(
        from, [&](const EventLog::Block& block) -> Status { return printer(block); });
    if (!read && read.error().code == kEnough && !process_stop_token().stop_requested()) break;
    TRY(read);
  }
  if (printer.undeclared > 0) {
    log_warning("{} events are of types that [events.types] does not declare; they are left out",
                printer.undeclared);
  }
  return {};
}

}  // namespace

Command log_command() {
  return {
      "log", "Print what the log holds, as JSON lines, from a position or a time on",
      "Examples:\n  palate log --user alice --positions\n"
      "  palate log --since 2026-11-01T00:00:00Z --type purchase | wc -l\n"
      "  palate log --from events/0@120000 > later.jsonl && palate import later.jsonl --data copy\n"
      "  palate log --stream items --item SKU66   # an item's history",
      [](CommandFlags& command) {
        auto flags = std::make_shared<Flags>();
        command.add("--stream", flags->stream, "events, items, users or decisions")
            .one_of({"events", "items", "users", "decisions"})
            .show_default();
        command.add("--from", flags->from, "From this position or offset on");
        command.add("--since", flags->since,
                    "Received (decisions: made) from this time on (RFC 3339)");
        command.add("--until", flags->until, "Received before this time");
        command.add("--user", flags->user, "Only of this user");
        command.add("--item", flags->item, "Only about this item");
        command.add("--type", flags->type, "Only events of this type");
        command.add("--limit", flags->limit, "At most so many; 0: all");
        command.add("--positions", flags->positions,
                    "With each one's position (which import would refuse as a field)");
        return std::function<Status(Context&)>(
            [flags](Context& context) { return run(context, *flags); });
      }};
}

}  // namespace palate
