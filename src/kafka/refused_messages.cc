#include "kafka/refused_messages.h"

#include "base/log.h"
#include "events/limits.h"
#include "events/quarantine.h"

namespace palate {

void RefusedMessages::add(const MessagePlace& place, const Rejection& why, std::string_view bytes) {
  write(place, {{why.reason, why.sentence, bytes}});
}

void RefusedMessages::add(const MessagePlace& place,
                          const std::vector<MessageRows::Refused>& rows) {
  if (rows.empty()) return;
  std::vector<Row> all;
  all.reserve(rows.size());
  for (const auto& row : rows) all.push_back({row.why.reason, row.why.sentence, row.bytes});
  write(place, all);
}

void RefusedMessages::write(const MessagePlace& place, const std::vector<Row>& rows) {
  count_ += rows.size();
  const std::lock_guard lock(mutex_);
  if (bytes_ > kQuarantineBytesMax) return;  // then they are only counted
  Quarantine quarantine({.folder = folder_, .source = "kafka"});
  const std::string file = fmt::format("{}/{}", place.topic, place.partition);
  Status status;
  for (const Row& row : rows) {
    bytes_ += row.bytes.size();
    if (!status) break;
    status = quarantine.add({.file = file,
                             .line = place.offset,
                             .reason = row.reason,
                             .sentence = row.sentence,
                             .bytes = row.bytes});
  }
  if (status) status = quarantine.finish();
  if (status) return;
  log_warning("cannot quarantine offset {} of {}: {}", place.offset, file, status.error().message);
}

}  // namespace palate
