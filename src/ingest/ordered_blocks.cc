#include "ingest/ordered_blocks.h"

#include <iterator>
#include <unordered_set>
#include <utility>

namespace palate {
namespace {

constexpr size_t kBatchesAtOnce = 8;
// Of one submission: the log is synced once for each.
constexpr size_t kSubmissionRows = 4'000'000;
constexpr size_t kSubmissionBytes = size_t{16} << 20;

size_t bytes_of(const std::vector<EncodedBlock>& blocks) {
  size_t bytes = 0;
  for (const EncodedBlock& block : blocks) bytes += block.bytes.size();
  return bytes;
}

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

Status OrderedBlocks::add(EventBatch batch, uint64_t source) {
  if (batch.rows.empty()) return {};
  waiting_.push_back({std::move(batch), source, {}, {}, {}});
  return waiting_.size() < kBatchesAtOnce ? Status() : encode_waiting();
}

std::vector<PreparedEvents> OrderedBlocks::take_encoded() {
  bytes_ = 0;
  return std::exchange(encoded_, {});
}

Result<std::vector<PreparedEvents>> OrderedBlocks::take_all() {
  TRY(encode_waiting());
  return take_encoded();
}

Status OrderedBlocks::add(EncodedRows rows, uint64_t source) {
  TRY(encode_waiting());
  PreparedEvents prepared;
  prepared.source = source;
  prepared.blocks = std::move(rows.blocks);
  if (source == 0) prepared.identities = std::move(rows.identities);
  const Catalogue::View view = catalogue_.view();
  for (const std::string_view name : rows.new_items) {
    if (names_.find(name)) continue;
    TRY(names_.add(name));
    if (!view.find(name)) prepared.unknown_items.push_back(prepared.batch.arena.copy(name));
  }
  keep(std::move(prepared));
  return {};
}

Status OrderedBlocks::encode_waiting() {
  TRY(pool_.for_blocks(waiting_.size(), [&](size_t w, size_t) { encode(waiting_[w]); }));
  for (Waiting& waiting : waiting_) {
    for (const std::string_view name : waiting.known_names) TRY(names_.add(name));
    for (const std::string_view name : waiting.new_names) {
      const size_t before = names_.size();
      TRY(names_.add(name));
      if (names_.size() == before) continue;  // an earlier batch has brought it
      waiting.encoded.unknown_items.push_back(waiting.encoded.batch.arena.copy(name));
    }
    keep(std::move(waiting.encoded));
  }
  waiting_.clear();
  return {};
}

void OrderedBlocks::encode(Waiting& waiting) const {
  const std::vector<EventView>& rows = waiting.batch.rows;
  waiting.encoded.source = waiting.source;
  waiting.encoded.blocks = encode_events(rows, types_);
  if (waiting.source == 0) waiting.encoded.identities = identities_of(rows, types_);
  find_new_items(waiting);
}

void OrderedBlocks::find_new_items(Waiting& waiting) const {
  const Catalogue::View view = catalogue_.view();
  std::unordered_set<std::string_view> seen;
  for (const EventView& row : waiting.batch.rows) {
    if (row.item.empty() || names_.find(row.item) || !seen.insert(row.item).second) continue;
    (view.find(row.item) ? waiting.known_names : waiting.new_names).push_back(row.item);
  }
}

// Puts it behind what is encoded already, into the last submission while that is not large enough.
void OrderedBlocks::keep(PreparedEvents next) {
  const size_t block_bytes = bytes_of(next.blocks);
  bytes_ += block_bytes + next.identities.size() * sizeof(Hash128);
  if (encoded_.empty() || encoded_.back().source != next.source ||
      encoded_.back().rows() + next.rows() > kSubmissionRows ||
      bytes_of(encoded_.back().blocks) + block_bytes > kSubmissionBytes) {
    encoded_.push_back(std::move(next));
    return;
  }
  PreparedEvents& last = encoded_.back();
  append(last.blocks, next.blocks);
  append(last.identities, next.identities);
  for (const std::string_view item : next.unknown_items) {
    last.unknown_items.push_back(last.batch.arena.copy(item));
  }
}

}  // namespace palate
