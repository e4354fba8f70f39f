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
  if (kept_bytes_ + gathered_bytes_ + row.bytes.size() > kQuarantineBytesMax) {
    full_ = full_ || row.why.reason == Reason::kSetAside;
    return;
  }
  gathered_bytes_ += row.bytes.size();
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

Status RefusedMessages::flush() {
  if (full_) {
    return fail(Code::kOverloaded,
                "{}: this process has put {} bytes there, and good events wait to be set aside: "
                "see to the source, then start anew",
                folder_.string(), kept_bytes_ + gathered_bytes_);
  }
  if (rows_.empty()) return {};
  TRY(write(rows_));
  log_warning("{} messages or rows of Kafka cannot be taken: the first is at offset {} of {}: {}",
              rows_.size(), rows_.front().offset, rows_.front().file, rows_.front().why.sentence);
  kept_bytes_ += gathered_bytes_;
  drop();
  return {};
}

void RefusedMessages::drop() {
  rows_.clear();
  gathered_bytes_ = 0;
  full_ = false;
}

}  // namespace palate
