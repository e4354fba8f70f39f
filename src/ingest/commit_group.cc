#include "ingest/commit_group.h"

#include <algorithm>
#include <iterator>

namespace palate {

size_t Submission::records() const {
  if (const auto* events = std::get_if<PreparedEvents>(&what)) return events->batch.rows.size();
  if (const auto* items = std::get_if<std::vector<ItemRecord>>(&what)) return items->size();
  return std::get<std::vector<UserRecord>>(what).size();
}

void CommitGroup::commit() {
  if (writer_.behind && !writer_.deferred) {
    const Status caught_up = writer_.state->catch_up(*writer_.log, {});
    if (!caught_up) return answer(caught_up);
    writer_.behind = false;
  }
  gather();
  const Status appended = append();
  if (!appended) {
    writer_.window.erase(remembered_);
    return answer(appended);
  }
  const Status folded = fold();
  if (!folded) writer_.behind = true;
  answer(folded);
}

void CommitGroup::gather() {
  receipts_.resize(submissions_.size());
  for (size_t i = 0; i < submissions_.size(); ++i) {
    Submission& submission = submissions_[i];
    IngestReceipt& receipt = receipts_[i];
    if (auto* events = std::get_if<PreparedEvents>(&submission.what)) {
      gather_events(*events, receipt);
    } else if (auto* items = std::get_if<std::vector<ItemRecord>>(&submission.what)) {
      receipt.accepted = items->size();
      for (const ItemRecord& item : *items) new_items_.insert(item.id);
      items_.insert(items_.end(), std::make_move_iterator(items->begin()),
                    std::make_move_iterator(items->end()));
    } else {
      auto& users = std::get<std::vector<UserRecord>>(submission.what);
      receipt.accepted = users.size();
      users_.insert(users_.end(), std::make_move_iterator(users.begin()),
                    std::make_move_iterator(users.end()));
    }
  }
  for (Run& run : runs_) {
    if (run.blocks.empty()) run.blocks = encode_events(run.rows, *writer_.types);
  }
}

void CommitGroup::gather_events(PreparedEvents& events, IngestReceipt& receipt) {
  const std::vector<uint8_t> fresh = writer_.window.insert(events.identities);
  receipt.accepted = static_cast<uint64_t>(std::count(fresh.begin(), fresh.end(), 1));
  receipt.duplicates = fresh.size() - receipt.accepted;
  if (receipt.accepted == 0) return;
  register_items(events);
  if (receipt.duplicates == 0 && !events.blocks.empty()) {
    remembered_.insert(remembered_.end(), events.identities.begin(), events.identities.end());
    runs_.push_back({.rows = {}, .all = &events.batch.rows, .blocks = std::move(events.blocks)});
    return;
  }
  if (runs_.empty() || runs_.back().all != nullptr) runs_.emplace_back();
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i] == 0) continue;
    remembered_.push_back(events.identities[i]);
    runs_.back().rows.push_back(events.batch.rows[i]);
  }
}

void CommitGroup::register_items(const PreparedEvents& events) {
  if (events.unknown_items.empty()) return;
  const Catalogue::View view = writer_.state->catalogue().view();
  for (const std::string_view item : events.unknown_items) {
    if (view.find(item) || !new_items_.emplace(item).second) continue;
    ItemRecord stub;
    stub.id = item;
    items_.push_back(std::move(stub));
  }
}

Status CommitGroup::append() {
  std::vector<EventLog::Append> blocks;
  const auto add = [&](Stream stream, std::vector<EncodedBlock> encoded) {
    for (EncodedBlock& block : encoded) {
      blocks.push_back({stream, 0, block.count, std::move(block.bytes)});
    }
  };
  if (!items_.empty()) add(Stream::kItems, encode_items(items_));
  if (!users_.empty()) add(Stream::kUsers, encode_users(users_));
  for (Run& run : runs_) add(Stream::kEvents, std::move(run.blocks));
  if (blocks.empty()) return {};
  const std::vector<Position> first = TRY(writer_.log->append(blocks));
  for (size_t i = 0; i < blocks.size(); ++i) {
    const uint64_t end = first[i].offset + blocks[i].count;
    if (blocks[i].stream == Stream::kEvents) writer_.events_end = end;
    if (blocks[i].stream == Stream::kItems) writer_.items_end = end;
    if (blocks[i].stream == Stream::kUsers) writer_.users_end = end;
  }
  return {};
}

Status CommitGroup::fold() {
  if (!items_.empty()) {
    const Position first{Stream::kItems, 0, writer_.items_end - items_.size()};
    TRY(writer_.state->apply_items(first, items_));
  }
  if (!users_.empty()) {
    const Position first{Stream::kUsers, 0, writer_.users_end - users_.size()};
    TRY(writer_.state->apply_users(first, users_));
  }
  if (writer_.deferred) {
    writer_.behind = writer_.behind || !runs_.empty();
    return {};
  }
  uint64_t offset = writer_.events_end;
  for (const Run& run : runs_) offset -= run.view().size();
  for (const Run& run : runs_) {
    TRY(writer_.state->apply_events({Stream::kEvents, 0, offset}, run.view()));
    offset += run.view().size();
  }
  return {};
}

void CommitGroup::answer(const Status& status) {
  for (size_t i = 0; i < submissions_.size(); ++i) {
    const Ingest::Done& done = submissions_[i].done;
    if (!status) {
      done(std::unexpected(status.error()));
      continue;
    }
    IngestReceipt& receipt = receipts_[i];
    if (std::holds_alternative<PreparedEvents>(submissions_[i].what)) {
      receipt.end = {Stream::kEvents, 0, writer_.events_end};
    } else if (std::holds_alternative<std::vector<ItemRecord>>(submissions_[i].what)) {
      receipt.end = {Stream::kItems, 0, writer_.items_end};
    } else {
      receipt.end = {Stream::kUsers, 0, writer_.users_end};
    }
    done(receipt);
  }
}

}  // namespace palate
