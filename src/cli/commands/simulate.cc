#include <condition_variable>
#include <mutex>
#include <span>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"
#include "simulate/emit.h"

namespace palate {
namespace {

constexpr size_t kBatchRows = 65'536;
constexpr size_t kBatchesAtOnce = 16;  // encoded side by side
constexpr size_t kBatchRecords = 10'000;

struct Counts {
  uint64_t items = 0, users = 0, events = 0, duplicates = 0;
};

// Rows of a day that become one batch.
std::span<const Happening> batch_of(std::span<const Happening> all, size_t batch) {
  const size_t begin = batch * kBatchRows;
  return all.subspan(begin, std::min(kBatchRows, all.size() - begin));
}

size_t batches_of(std::span<const Happening> all) {
  return (all.size() + kBatchRows - 1) / kBatchRows;
}

// The writer's answers, which come on its thread and may outlive a world that failed.
struct Answers {
  void take(const Result<IngestReceipt>& receipt) {
    const std::lock_guard lock(mutex);
    --open;
    if (receipt) {
      accepted += receipt->accepted;
      duplicates += receipt->duplicates;
    } else if (status) {
      status = std::unexpected(receipt.error());
    }
    answered.notify_all();
  }
  Status wait() {
    std::unique_lock lock(mutex);
    answered.wait(lock, [&] { return open == 0; });
    return status;
  }
  std::mutex mutex;
  std::condition_variable answered;
  size_t open = 0;
  uint64_t accepted = 0, duplicates = 0;
  Status status;
};

class LogOfWorld {
 public:
  LogOfWorld(const World& world, const EventTypes& types, DataDirectory& data)
      : world_(world), types_(types), data_(data) {}

  Result<Counts> write() {
    TRY(begin());
    for (uint32_t i = 0; i < world_.items(); ++i) {
      items_.push_back(world_.item(i));
      if (items_.size() == kBatchRecords || i + 1 == world_.items())
        counts_.items += TRY(data_.ingest().write_items(std::exchange(items_, {}))).accepted;
    }
    data_.ingest().defer_fold();
    Status played = world_.play({.pool = &pool_, .stop = process_stop_token()},
                                [&](const World::Day& day) { return write_day(day); });
    Status answered = answers_->wait();
    TRY(data_.ingest().fold_deferred({}));  // what is logged, also when that was not everything
    TRY(std::move(played));
    TRY(std::move(answered));
    counts_.events = answers_->accepted;
    counts_.duplicates = answers_->duplicates;
    return counts_;
  }

 private:
  // No two rows of a world are equal: into an empty log they need not be looked up.
  Status begin() {
    for (const Position& end : TRY(data_.log().ends())) {
      if (end.stream == Stream::kEvents && end.offset > 0) return {};
    }
    source_ = data_.ingest().new_source();
    return {};
  }

  Status write_day(const World::Day& day) {
    for (size_t u = 0; u < day.signed_up.size(); ++u) {
      users_.push_back(world_.user(day.signed_up[u]));
      if (users_.size() == kBatchRecords || u + 1 == day.signed_up.size())
        counts_.users += TRY(data_.ingest().write_users(std::exchange(users_, {}))).accepted;
    }
    for (size_t at = 0; at < batches_of(day.happenings); at += kBatchesAtOnce)
      TRY(write_batches(day.happenings, at));
    progress_.add(day.happenings.size());
    return {};
  }

  Status write_batches(std::span<const Happening> all, size_t first) {
    const size_t count = std::min(kBatchesAtOnce, batches_of(all) - first);
    std::vector<Result<PreparedEvents>> prepared(count);
    TRY(pool_.for_blocks(
        count, [&](size_t b, size_t) { prepared[b] = prepare(batch_of(all, first + b)); },
        process_stop_token()));
    for (Result<PreparedEvents>& events : prepared) TRY(submit(TRY(std::move(events))));
    const std::lock_guard lock(answers_->mutex);
    return answers_->status;
  }

  Result<PreparedEvents> prepare(std::span<const Happening> happenings) const {
    auto events = TRY(prepare_events(TRY(to_events(world_, happenings, types_)), types_,
                                     data_.state().catalogue()));
    events.source = source_;
    return events;
  }

  Status submit(PreparedEvents events) {
    {
      const std::lock_guard lock(answers_->mutex);
      ++answers_->open;
    }
    const Status queued = data_.ingest().submit_prepared(
        std::move(events),
        [answers = answers_](const Result<IngestReceipt>& receipt) { answers->take(receipt); });
    if (!queued) answers_->take(std::unexpected(queued.error()));
    return {};
  }

  const World& world_;
  const EventTypes& types_;
  DataDirectory& data_;
  ThreadPool pool_;
  Progress progress_{"simulating", 0, "events"};
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  uint64_t source_ = 0;
  std::vector<ItemRecord> items_;
  std::vector<UserRecord> users_;
  Counts counts_;
};

// items.jsonl, users.jsonl and events.jsonl in a folder that appears whole.
Result<Counts> write_to_files(const World& world, const Path& folder) {
  auto pending = TRY(PendingDirectory::create(folder));
  Counts counts;
  auto items = TRY(FileWriter::create(pending.path() / "items.jsonl"));
  for (uint32_t i = 0; i < world.items(); ++i) TRY(items.write(to_json(world.item(i)) + "\n"));
  auto users = TRY(FileWriter::create(pending.path() / "users.jsonl"));
  auto events = TRY(FileWriter::create(pending.path() / "events.jsonl"));
  ThreadPool pool;
  TRY(world.play({.pool = &pool, .stop = process_stop_token()},
                 [&](const World::Day& day) -> Status {
                   for (const uint32_t u : day.signed_up)
                     TRY(users.write(to_json(world.user(u)) + "\n"));
                   for (size_t b = 0; b < batches_of(day.happenings); ++b)
                     TRY(events.write(to_json_lines(world, batch_of(day.happenings, b))));
                   counts.users += day.signed_up.size();
                   counts.events += day.happenings.size();
                   return {};
                 }));
  TRY(pending.commit());
  counts.items = world.items();
  return counts;
}

struct SimulateFlags {
  std::string out, flagged;
};

Status simulate(Context& context, const SimulateFlags& flags) {
  const std::string& out = flags.out;
  const World world = TRY(World::make(context.settings.simulate));
  if (!flags.flagged.empty()) {
    TRY(write_file_atomically(flags.flagged, to_flagged_lines(world)));
  }
  Counts counts;
  std::string where = out;
  if (out.empty()) {
    TRY(context.check_embedded("palate simulate"));
    auto data = TRY(context.open_data(OpenMode::kWriter));
    counts = TRY(LogOfWorld(world, context.settings.types, *data).write());
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
      [](CommandFlags& command) {
        auto flags = std::make_shared<SimulateFlags>();
        command.add("--out", flags->out,
                    "Write JSON lines into this new folder instead of the data directory");
        command.add("--flagged", flags->flagged,
                    "Write the accounts that mean ill into this file, for palate trust");
        return std::function<Status(Context&)>(
            [flags](Context& context) { return simulate(context, *flags); });
      }};
}

}  // namespace palate
