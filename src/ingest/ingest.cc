#include "ingest/ingest.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "ingest/commit_group.h"

namespace palate {
namespace {

// A group is what waits when the writer gets to it, up to so many records: bounds its memory and
// the time that a small submission waits behind a large one.
constexpr size_t kGroupRecordsMax = 256 * 1024;

Status read_ends(const EventLog& log, Writer& writer) {
  for (const Position& end : TRY(log.ends())) {
    if (end.partition != 0) continue;
    if (end.stream == Stream::kEvents) writer.events_end = end.offset;
    if (end.stream == Stream::kItems) writer.items_end = end.offset;
    if (end.stream == Stream::kUsers) writer.users_end = end.offset;
    if (end.stream == Stream::kDecisions) writer.decisions_end = end.offset;
  }
  writer.window_filled = writer.events_end == 0;
  return {};
}

struct FoldRequest {
  explicit FoldRequest(std::stop_token token) : stop(std::move(token)) {}
  std::stop_token stop;
  std::promise<Status> done;
};

}  // namespace

struct Ingest::State {
  explicit State(const Parts& p)
      : parts(p),
        writer{.log = p.log,
               .marked = p.marked,
               .state = p.state,
               .forgetting = p.forgetting,
               .types = p.types,
               .window = IdentityWindow(p.options.dedup_events),
               .window_events = p.options.dedup_events} {}

  Parts parts;
  Writer writer;  // of the writer thread, once that runs
  mutable std::mutex mutex;
  std::condition_variable work, room;
  std::deque<Submission> queue;  // these seven guarded by mutex
  size_t queued = 0;
  bool defer = false;
  std::shared_ptr<FoldRequest> fold;
  bool stopping = false;
  uint64_t sources = 0;
  std::string trouble;
  std::stop_source closing;
  std::thread thread;

  Status submit(Submission submission, bool wait);
  Status submit_events(Result<PreparedEvents> events, Done done, bool wait);
  [[nodiscard]] bool has_room(size_t records) const;
  std::vector<Submission> take_group();
  void run();
  void run_fold(FoldRequest& request);
};

// A batch larger than the whole queue gets in when nothing else waits.
bool Ingest::State::has_room(size_t records) const {
  return queued == 0 || queued + records <= parts.options.queue_events_max;
}

Status Ingest::State::submit(Submission submission, bool wait) {
  const size_t records = submission.records();
  {
    std::unique_lock lock(mutex);
    if (wait) room.wait(lock, [&] { return has_room(records); });
    if (!has_room(records)) {
      return fail(Code::kOverloaded, "{} records wait to be logged already: send again later",
                  queued);
    }
    queued += records;
    queue.push_back(std::move(submission));
  }
  work.notify_one();
  return {};
}

Status Ingest::State::submit_events(Result<PreparedEvents> events, Done done, bool wait) {
  return submit({.what = TRY(std::move(events)), .done = std::move(done)}, wait);
}

std::vector<Submission> Ingest::State::take_group() {
  std::vector<Submission> group;
  size_t records = 0;
  while (!queue.empty()) {
    const size_t next = queue.front().records();
    if (!group.empty() &&
        (records + next > kGroupRecordsMax || group.back().source() != queue.front().source())) {
      break;
    }
    records += next;
    group.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  return group;
}

void Ingest::State::run() {
  const Status filled = writer.fill_window(closing.get_token());
  if (!filled && filled.error().code != Code::kCancelled) {
    log_warning("recent events cannot be read, so that none can be taken in: {}",
                filled.error().message);
  }
  give_memory_back();  // of reading the log
  for (;;) {
    std::vector<Submission> group;
    std::shared_ptr<FoldRequest> request;
    {
      std::unique_lock lock(mutex);
      work.wait(lock, [&] { return !queue.empty() || fold != nullptr || stopping; });
      group = take_group();
      writer.deferred = defer;
      if (group.empty()) request = std::move(fold);
      if (group.empty() && request == nullptr) return;
    }
    if (request != nullptr) {
      run_fold(*request);
      continue;
    }
    size_t records = 0;
    for (const Submission& submission : group) records += submission.records();
    const Status committed = CommitGroup(writer, std::move(group)).commit();
    {
      const std::lock_guard lock(mutex);
      trouble = committed ? "" : committed.error().message;
      queued -= records;
    }
    room.notify_all();
  }
}

void Ingest::State::run_fold(FoldRequest& request) {
  Status status;
  if (writer.behind) status = parts.state->catch_up(*parts.log, request.stop);
  if (status) {
    writer.behind = false;
    const std::lock_guard lock(mutex);
    defer = false;
  }
  request.done.set_value(std::move(status));
}

Result<std::unique_ptr<Ingest>> Ingest::start(Parts parts) {
  auto state = std::make_unique<State>(parts);
  TRY(read_ends(*parts.log, state->writer));
  State* running = state.get();
  running->thread = std::thread([running] { running->run(); });
  return std::unique_ptr<Ingest>(new Ingest(std::move(state)));
}

Ingest::Ingest(std::unique_ptr<State> state) : state_(std::move(state)) {}

Ingest::~Ingest() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->closing.request_stop();
  state_->work.notify_one();
  state_->thread.join();
}

Status Ingest::submit_events(EventBatch batch, Done done) {
  const Parts& parts = state_->parts;
  return state_->submit_events(
      prepare_events(std::move(batch), *parts.types, parts.state->catalogue()), std::move(done),
      false);
}

Status Ingest::submit_prepared(PreparedEvents events, Done done) {
  return state_->submit_events(std::move(events), std::move(done), true);
}

Status Ingest::submit_items(std::vector<ItemRecord> items, Done done) {
  return state_->submit({.what = std::move(items), .done = std::move(done)}, false);
}

Status Ingest::submit_users(std::vector<UserRecord> users, Done done) {
  return state_->submit({.what = std::move(users), .done = std::move(done)}, false);
}

Status Ingest::submit_forget(std::vector<std::string> users, Done done) {
  PALATE_CHECK(state_->parts.forgetting != nullptr, "this ingest cannot forget anybody");
  return state_->submit({.what = ForgetUsers{std::move(users)}, .done = std::move(done)}, false);
}

Status Ingest::submit_decisions(std::vector<DecisionRecord> decisions, Done done) {
  return state_->submit({.what = std::move(decisions), .done = std::move(done)}, false);
}

Status Ingest::submit_followed(Followed followed, Done done) {
  PALATE_CHECK(state_->parts.marked != nullptr, "this ingest's log cannot store marks");
  Submission submission;
  std::visit([&](auto&& records) { submission.what = std::forward<decltype(records)>(records); },
             std::move(followed.what));
  submission.marks = std::move(followed.marks);
  submission.done = std::move(done);
  return state_->submit(std::move(submission), true);
}

std::map<std::string, uint64_t> Ingest::marks() const {
  return state_->parts.marked == nullptr ? std::map<std::string, uint64_t>()
                                         : state_->parts.marked->marks();
}

AsOf Ingest::folded() const { return state_->parts.state->as_of(); }

void Ingest::defer_fold() {
  const std::lock_guard lock(state_->mutex);
  state_->defer = true;
}

Status Ingest::fold_deferred(std::stop_token stop) {
  auto request = std::make_shared<FoldRequest>(std::move(stop));
  std::future<Status> done = request->done.get_future();
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->fold != nullptr) return fail(Code::kBusy, "folding is under way already");
    state_->fold = std::move(request);
  }
  state_->work.notify_one();
  return done.get();
}

uint64_t Ingest::new_source() {
  const std::lock_guard lock(state_->mutex);
  return ++state_->sources;
}

std::string Ingest::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

size_t Ingest::queued_events() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queued;
}

}  // namespace palate
