#include "ingest/commit_group.h"

#include <algorithm>
#include <iterator>

#include "ingest/window_refill.h"

namespace palate {

Status Writer::fill_window(std::stop_token stop) {
  if (window_filled) return {};
  TRY(refill_window({.log = log, .types = types, .events_end = events_end, .wanted = window_events},
                    window, std::move(stop)));
  window_filled = true;
  return {};
}

size_t Submission::records() const {
  if (const auto* events = std::get_if<PreparedEvents>(&what)) return events->rows();
  if (const auto* items = std::get_if<std::vector<ItemRecord>>(&what)) return items->size();
  if (const auto* users = std::get_if<std::vector<UserRecord>>(&what)) return users->size();
  if (const auto* answers = std::get_if<std::vector<DecisionRecord>>(&what)) return answers->size();
  return std::get<ForgetUsers>(what).users.size();
}

uint64_t Submission::source() const {
  const auto* events = std::get_if<PreparedEvents>(&what);
  return events != nullptr ? events->source : 0;
}

// Submissions of a followed stream that do not begin where the one before has ended: what came
// before them has failed. They are answered and left out.
void CommitGroup::refuse_stale() {
  if (writer_.marked == nullptr) return;
  const RocksLog::Marks reached = writer_.marked->marks();
  const auto fits = [&](const Followed::Mark& mark) {
    const auto failed = writer_.failed.find(mark.source);
    if (failed != writer_.failed.end() && failed->second == mark.attempt) return false;
    const auto here = marks_.find(mark.source);
    if (here != marks_.end()) return here->second == mark.from;
    const auto there = reached.find(mark.source);
    return there == reached.end() || there->second == mark.from;
  };
  std::erase_if(submissions_, [&](const Submission& submission) {
    if (std::ranges::all_of(submission.marks, fits)) {
      for (const Followed::Mark& mark : submission.marks) marks_[mark.source] = mark.to;
      return false;
    }
    submission.done(fail(Code::kConflict, "what came before this in '{}' was not logged",
                         submission.marks.front().source));
    return true;
  });
}

Status CommitGroup::commit() {
  refuse_stale();
  if (submissions_.empty()) return {};
  if (writer_.behind && !writer_.deferred) {
    Status caught_up = writer_.state->catch_up(*writer_.log, {});
    if (!caught_up) return answer(std::move(caught_up));
    writer_.behind = false;
  }
  const auto log_all = [&]() -> Status {
    TRY(make_comparable());
    TRY(gather());
    return append();
  };
  Status logged = log_all();
  if (!logged) {
    writer_.window.erase(remembered_);
    for (const Submission& submission : submissions_) {
      for (const Followed::Mark& mark : submission.marks)
        writer_.failed[mark.source] = mark.attempt;
    }
    return answer(std::move(logged));
  }
  Status folded = fold();
  if (!folded) writer_.behind = true;
  const Status forgotten = folded ? forget() : folded;
  return answer(std::move(folded), forgotten);
}

// Events of the source that alone has filled the log differ from all that is
// there. All others are looked up, for which the window must know the log and
// the group its identities.
Status CommitGroup::make_comparable() {
  const uint64_t source = submissions_.front().source();
  all_new_ = source != 0 && (writer_.events_end == 0 || writer_.sole_source == source);
  if (all_new_) {
    writer_.sole_source = source;
    writer_.window_filled = false;
    return {};
  }
  for (Submission& submission : submissions_) {
    auto* events = std::get_if<PreparedEvents>(&submission.what);
    if (events == nullptr) continue;
    TRY(writer_.fill_window({}));
    writer_.sole_source = 0;
    if (events->identities.empty()) TRY(complete(*events, *writer_.types));
  }
  return {};
}

Status CommitGroup::gather() {
  receipts_.resize(submissions_.size());
  for (size_t i = 0; i < submissions_.size(); ++i) {
    Submission& submission = submissions_[i];
    IngestReceipt& receipt = receipts_[i];
    if (auto* events = std::get_if<PreparedEvents>(&submission.what)) {
      TRY(gather_events(*events, receipt));
    } else if (auto* items = std::get_if<std::vector<ItemRecord>>(&submission.what)) {
      receipt.accepted = items->size();
      for (const ItemRecord& item : *items) new_items_.insert(item.id);
      items_.insert(items_.end(), std::make_move_iterator(items->begin()),
                    std::make_move_iterator(items->end()));
    } else if (auto* users = std::get_if<std::vector<UserRecord>>(&submission.what)) {
      receipt.accepted = users->size();
      users_.insert(users_.end(), std::make_move_iterator(users->begin()),
                    std::make_move_iterator(users->end()));
    } else if (auto* answers = std::get_if<std::vector<DecisionRecord>>(&submission.what)) {
      // What was answered to somebody who has been forgotten since is not written down.
      std::erase_if(*answers, [this](const DecisionRecord& answer) {
        return writer_.forgetting != nullptr &&
               writer_.forgetting->is_forgotten(answer.user, answer.made);
      });
      receipt.accepted = answers->size();
      std::ranges::move(*answers, std::back_inserter(decisions_));
    } else {
      const auto& gone = std::get<ForgetUsers>(submission.what).users;
      receipt.accepted = gone.size();
      forgets_ = true;
      forget_.insert(forget_.end(), gone.begin(), gone.end());
    }
  }
  for (Run& run : runs_) {
    if (run.blocks.empty()) run.blocks = encode_events(run.rows, *writer_.types);
  }
  return {};
}

Status CommitGroup::gather_events(PreparedEvents& events, IngestReceipt& receipt) {
  if (!all_new_) return gather_seen(events, receipt);
  receipt.accepted = events.rows();
  register_items(events);
  if (events.blocks.empty()) events.blocks = encode_events(events.batch.rows, *writer_.types);
  add_prepared(events);
  return {};
}

void CommitGroup::add_prepared(PreparedEvents& events) {
  runs_.push_back({.rows = {}, .all = &events.batch.rows, .blocks = std::move(events.blocks)});
}

// Less what the window has seen.
Status CommitGroup::gather_seen(PreparedEvents& events, IngestReceipt& receipt) {
  const std::vector<uint8_t> fresh = writer_.window.insert(events.identities);
  receipt.accepted = static_cast<uint64_t>(std::count(fresh.begin(), fresh.end(), 1));
  receipt.duplicates = fresh.size() - receipt.accepted;
  if (receipt.accepted == 0) return {};
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i] != 0) remembered_.push_back(events.identities[i]);
  }
  register_items(events);
  if (receipt.duplicates == 0 && !events.blocks.empty()) {
    add_prepared(events);
    return {};
  }
  TRY(complete(events, *writer_.types));
  if (runs_.empty() || runs_.back().all != nullptr) runs_.emplace_back();
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i] != 0) runs_.back().rows.push_back(events.batch.rows[i]);
  }
  return {};
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
  if (!decisions_.empty()) add(Stream::kDecisions, encode_decisions(decisions_));
  if (blocks.empty() && marks_.empty()) return {};
  const std::vector<Position> first = TRY(
      marks_.empty() ? writer_.log->append(blocks) : writer_.marked->append_marked(blocks, marks_));
  for (size_t i = 0; i < blocks.size(); ++i) {
    const uint64_t end = first[i].offset + blocks[i].count;
    if (blocks[i].stream == Stream::kEvents) writer_.events_end = end;
    if (blocks[i].stream == Stream::kItems) writer_.items_end = end;
    if (blocks[i].stream == Stream::kUsers) writer_.users_end = end;
    if (blocks[i].stream == Stream::kDecisions) writer_.decisions_end = end;
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
  if (std::ranges::any_of(runs_, [](const Run& run) { return run.view().empty(); })) {
    return writer_.state->catch_up(*writer_.log, {});  // only blocks came: they are read back
  }
  uint64_t offset = writer_.events_end;
  for (const Run& run : runs_) offset -= run.view().size();
  for (const Run& run : runs_) {
    TRY(writer_.state->apply_events({Stream::kEvents, 0, offset}, run.view()));
    offset += run.view().size();
  }
  return {};
}

// Last: what the group has logged of these users goes with all that came before.
Status CommitGroup::forget() {
  if (!forgets_) return {};
  if (writer_.behind) {
    TRY(writer_.state->catch_up(*writer_.log, {}));
    writer_.behind = false;
  }
  return writer_.forgetting->forget(forget_, *writer_.state);
}

Status CommitGroup::answer(Status status, const Status& forgotten) {
  for (size_t i = 0; i < submissions_.size(); ++i) {
    const Ingest::Done& done = submissions_[i].done;
    const bool forgets = std::holds_alternative<ForgetUsers>(submissions_[i].what);
    const Status& own = forgets && status ? forgotten : status;
    if (!own) {
      done(std::unexpected(own.error()));
      continue;
    }
    IngestReceipt& receipt = receipts_[i];
    if (std::holds_alternative<PreparedEvents>(submissions_[i].what)) {
      receipt.ends = {{Stream::kEvents, 0, writer_.events_end}};
    } else if (std::holds_alternative<std::vector<ItemRecord>>(submissions_[i].what)) {
      receipt.ends = {{Stream::kItems, 0, writer_.items_end}};
    } else if (std::holds_alternative<std::vector<DecisionRecord>>(submissions_[i].what)) {
      receipt.ends = {{Stream::kDecisions, 0, writer_.decisions_end}};
    } else {
      receipt.ends = {{Stream::kUsers, 0, writer_.users_end}};
    }
    done(receipt);
  }
  return status;
}

}  // namespace palate
