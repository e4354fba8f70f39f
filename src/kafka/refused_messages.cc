#include "kafka/refused_messages.h"

#include <utility>

#include "base/log.h"
#include "events/limits.h"
#include "events/quarantine.h"

namespace palate {
namespace {

std::string file_of(const MessagePlace& place) {
  return fmt::format("{}/{}", place.topic, place.partition);
}

}  // namespace

void RefusedMessages::gather(Row row) {
  ++count_;
  const std::lock_guard lock(mutex_);
  if (bytes_ + row.bytes.size() > kQuarantineBytesMax) return;
  bytes_ += row.bytes.size();
  rows_.push_back(std::move(row));
}

void RefusedMessages::add(const MessagePlace& place, Rejection why, std::string_view bytes) {
  gather({file_of(place), place.offset, std::move(why), std::string(bytes)});
}

void RefusedMessages::add(const MessagePlace& place, std::vector<MessageRows::Refused> rows) {
  for (auto& row : rows) {
    gather({file_of(place), place.offset, std::move(row.why), std::move(row.bytes)});
  }
}

Status RefusedMessages::write(const std::vector<Row>& rows) const {
  Quarantine quarantine({.folder = folder_, .source = "kafka"});
  // What holds an event as JSON can be tried again; one without ts is then of now.
  ColumnMapping recipe;
  recipe.format = SourceFormat::kJsonLines;
  recipe.own_form = true;
  recipe.constants["ts"] = format_rfc3339(now());
  quarantine.read_as(RecordKind::kEvents, recipe);
  for (const Row& row : rows) {
    TRY(quarantine.add({.file = row.file,
                        .line = row.offset,
                        .reason = row.why.reason,
                        .sentence = row.why.sentence,
                        .bytes = row.bytes}));
  }
  return quarantine.finish();
}

void RefusedMessages::flush() {
  const std::lock_guard lock(mutex_);
  const std::vector<Row> rows = std::exchange(rows_, {});
  if (rows.empty()) return;
  log_warning("{} messages or rows of Kafka cannot be taken: the first is at offset {} of {}: {}",
              rows.size(), rows.front().offset, rows.front().file, rows.front().why.sentence);
  if (const Status written = write(rows); !written) {
    log_warning("they cannot be put into quarantine either: {}", written.error().message);
  }
}

}  // namespace palate
