#include "serve/refused_events.h"

#include <chrono>
#include <set>

#include "base/log.h"
#include "events/limits.h"
#include "events/quarantine.h"

namespace palate {
namespace {

constexpr size_t kQueueBytesMax = 8 << 20;
// What comes within this time goes into one file.
constexpr auto kGather = std::chrono::milliseconds(500);

size_t bytes_of(const RefusedEvent& event) {
  return event.json.size() + event.why.sentence.size() + sizeof(RefusedEvent);
}

}  // namespace

RefusedEvents::RefusedEvents(Path folder)
    : folder_(std::move(folder)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

RefusedEvents::~RefusedEvents() {
  thread_.request_stop();
  thread_.join();
  write(queue_);
}

bool RefusedEvents::add(std::vector<RefusedEvent> events) {
  size_t bytes = 0;
  for (const RefusedEvent& event : events) bytes += bytes_of(event);
  std::lock_guard lock(mutex_);
  if (queued_bytes_ + bytes > kQueueBytesMax || total_bytes_ + bytes > kQuarantineBytesMax) {
    return false;
  }
  queued_bytes_ += bytes;
  total_bytes_ += bytes;
  std::move(events.begin(), events.end(), std::back_inserter(queue_));
  wake_.notify_one();
  return true;
}

void RefusedEvents::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return !queue_.empty(); })) {
    wake_.wait_for(lock, stop, kGather, [] { return false; });
    const std::vector<RefusedEvent> events = std::exchange(queue_, {});
    queued_bytes_ = 0;
    lock.unlock();
    write(events);
    lock.lock();
  }
}

void RefusedEvents::write(const std::vector<RefusedEvent>& events) const {
  std::set<std::string_view> sources;
  for (const RefusedEvent& event : events) sources.insert(event.source);
  for (const std::string_view source : sources) {
    if (const Status written = write_source(events, source); !written) {
      log_warning("cannot quarantine refused events: {}", written.error().message);
    }
  }
}

Status RefusedEvents::write_source(const std::vector<RefusedEvent>& events,
                                   std::string_view source) const {
  Quarantine quarantine({.folder = folder_, .source = std::string(source)});
  // An event without ts has that of its receipt.
  ColumnMapping recipe;
  recipe.format = SourceFormat::kJsonLines;
  recipe.own_form = true;
  recipe.constants["ts"] = format_rfc3339(now());
  quarantine.read_as(RecordKind::kEvents, recipe);
  for (const RefusedEvent& event : events) {
    if (event.source != source) continue;
    TRY(quarantine.add({.file = "POST /v1/events",
                        .line = event.index + 1,
                        .reason = event.why.reason,
                        .sentence = event.why.sentence,
                        .bytes = event.json}));
  }
  return quarantine.finish();
}

}  // namespace palate
