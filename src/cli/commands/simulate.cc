#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "cli/command.h"
#include "cli/print.h"
#include "simulate/emit.h"

namespace palate {
namespace {

constexpr size_t kBatchRows = 65'536;
constexpr size_t kBatchRecords = 1000;

struct Counts {
  uint64_t items = 0, users = 0, events = 0, duplicates = 0;
};

Result<Counts> write_to_log(const World& world, const EventTypes& types, DataDirectory& data) {
  Counts counts;
  const auto& items = world.items();
  for (size_t at = 0; at < items.size(); at += kBatchRecords) {
    const size_t end = std::min(at + kBatchRecords, items.size());
    counts.items +=
        TRY(data.ingest().write_items({items.begin() + long(at), items.begin() + long(end)}))
            .accepted;
  }
  const auto& users = world.users();
  for (size_t at = 0; at < users.size(); at += kBatchRecords) {
    const size_t end = std::min(at + kBatchRecords, users.size());
    counts.users +=
        TRY(data.ingest().write_users({users.begin() + long(at), users.begin() + long(end)}))
            .accepted;
  }
  Progress progress("simulating", 0, "events");
  EventBatch batch;
  const auto commit = [&]() -> Status {
    const size_t rows = batch.rows.size();
    const auto receipt = TRY(data.ingest().write_events(std::exchange(batch, {})));
    counts.events += receipt.accepted;
    counts.duplicates += receipt.duplicates;
    progress.add(rows);
    return {};
  };
  const auto write_all = [&]() -> Status {
    TRY(for_each_happening(world, process_stop_token(),
                           [&](const World::Happening& happening) -> Status {
                             TRY(append_happening(happening, types, batch));
                             return batch.rows.size() < kBatchRows ? Status{} : commit();
                           }));
    return batch.rows.empty() ? Status{} : commit();
  };
  data.ingest().defer_fold();
  Status written = write_all();
  TRY(data.ingest().fold_deferred({}));  // what is logged, also when that was not everything
  TRY(std::move(written));
  return counts;
}

// items.jsonl, users.jsonl and events.jsonl in a folder that appears whole.
Result<Counts> write_to_files(const World& world, const Path& folder) {
  auto pending = TRY(PendingDirectory::create(folder));
  Counts counts;
  auto items = TRY(FileWriter::create(pending.path() / "items.jsonl"));
  for (const ItemRecord& item : world.items()) TRY(items.write(to_json(item) + "\n"));
  auto users = TRY(FileWriter::create(pending.path() / "users.jsonl"));
  for (const UserRecord& user : world.users()) TRY(users.write(to_json(user) + "\n"));
  auto events = TRY(FileWriter::create(pending.path() / "events.jsonl"));
  std::string text;
  TRY(for_each_happening(world, process_stop_token(),
                         [&](const World::Happening& happening) -> Status {
                           text += to_json(happening) + "\n";
                           ++counts.events;
                           if (text.size() < 1 << 20) return {};
                           return events.write(std::exchange(text, {}));
                         }));
  TRY(events.write(text));
  TRY(pending.commit());
  counts.items = world.items().size();
  counts.users = world.users().size();
  return counts;
}

Status simulate(Context& context, const std::string& out) {
  const World world = TRY(World::make(context.settings.simulate));
  Counts counts;
  std::string where = out;
  if (out.empty()) {
    TRY(context.check_embedded("palate simulate"));
    auto data = TRY(context.open_data(OpenMode::kWriter));
    counts = TRY(write_to_log(world, context.settings.types, *data));
    where = data->root().string();
  } else {
    counts = TRY(write_to_files(world, out));
  }
  if (context.json) {
    print_json({{"items", counts.items},
                {"users", counts.users},
                {"events", counts.events},
                {"duplicates", counts.duplicates},
                {"seed", context.settings.simulate.seed},
                {"where", where}});
  } else {
    print_line(fmt::format(
        "{}: {} users, {} items, {} events{} (seed {})", where, human_count(counts.users),
        human_count(counts.items), human_count(counts.events),
        counts.duplicates > 0
            ? fmt::format(", {} were there already", human_count(counts.duplicates))
            : "",
        context.settings.simulate.seed));
  }
  return {};
}

}  // namespace

Command simulate_command() {
  return {
      "simulate", "Make a world with known tastes and log what happens in it",
      "Examples:\n  palate simulate\n  palate simulate --simulate.users 1000 --simulate.seed 7\n"
      "  palate simulate --out world   # items.jsonl, users.jsonl, events.jsonl",
      [](CLI::App& app) {
        auto out = std::make_shared<std::string>();
        app.add_option("--out", *out,
                       "Write JSON lines into this new folder instead of the data directory");
        return std::function<Status(Context&)>(
            [out](Context& context) { return simulate(context, *out); });
      }};
}

}  // namespace palate
