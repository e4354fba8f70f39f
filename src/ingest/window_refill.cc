#include "ingest/window_refill.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/stop.h"
#include "base/threads.h"
#include "events/block.h"
#include "ingest/prepared_events.h"

namespace palate {
namespace {

constexpr size_t kBlocksAtOnce = 32;

// Decodes many blocks at once.
class Filler {
 public:
  Filler(const EventTypes& types, IdentityWindow& window) : types_(types), window_(window) {}

  Status add(const EventLog::Block& block) {
    blocks_.emplace_back(block.bytes);
    return blocks_.size() < kBlocksAtOnce ? Status() : flush();
  }
  Status flush() {
    std::vector<Result<std::vector<Hash128>>> identities(blocks_.size());
    TRY(pool_.for_blocks(blocks_.size(), [&](size_t b, size_t) { identities[b] = decode(b); }));
    blocks_.clear();
    for (auto& some : identities) window_.insert(TRY(std::move(some)));
    return {};
  }

 private:
  Result<std::vector<Hash128>> decode(size_t b) const {
    const EventBatch batch = TRY(decode_events(blocks_[b], types_));
    return identities_of(batch.rows, types_);
  }
  const EventTypes& types_;
  IdentityWindow& window_;
  ThreadPool pool_;
  std::vector<std::string> blocks_;
};

Status fill(const WindowRefill& refill, IdentityWindow& window, const std::stop_token& stop) {
  const uint64_t count = std::min<uint64_t>(refill.events_end, refill.wanted);
  window.clear();
  window.reserve(count);
  Filler filler(*refill.types, window);
  TRY(refill.log->read({Stream::kEvents, 0, refill.events_end - count},
                       [&](const EventLog::Block& block) -> Status {
                         TRY(check_stop(stop));
                         return filler.add(block);
                       }));
  return filler.flush();
}

}  // namespace

Status refill_window(const WindowRefill& refill, IdentityWindow& window, std::stop_token stop) {
  Status filled = fill(refill, window, stop);
  if (!filled) window.clear();
  return filled;
}

}  // namespace palate
