#include "kafka/follow_tracker.h"

#include <algorithm>
#include <utility>

namespace palate {

Status FollowTracker::submit(Followed followed) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return fail(Code::kUnavailable, "{}", trouble_);
    for (Followed::Mark& mark : followed.marks) {
      const auto [at, is_new] = submitted_.try_emplace(mark.source, mark.from);
      mark.from = std::exchange(at->second, mark.to);
      mark.attempt = attempt_;
    }
    ++in_flight_;
  }
  auto marks = followed.marks;
  return ingest_.submit_followed(
      std::move(followed), [this, marks = std::move(marks)](const Result<IngestReceipt>& receipt) {
        answered(marks, receipt);
      });
}

void FollowTracker::fold(const Marks& places) {
  Marks folded = *folded_;
  for (const auto& [source, place] : places) {
    uint64_t& at = folded[source];
    at = std::max(at, place);
  }
  folded_ = std::make_shared<const Marks>(std::move(folded));
}

void FollowTracker::answered(const std::vector<Followed::Mark>& marks,
                             const Result<IngestReceipt>& receipt) {
  const std::lock_guard lock(mutex_);
  if (receipt) {
    Marks places;
    for (const Followed::Mark& mark : marks) places[mark.source] = mark.to;
    fold(places);
    accepted_ += receipt->accepted;
    duplicates_ += receipt->duplicates;
    if (!failed_) trouble_.clear();
  } else if (!failed_) {
    failed_ = true;
    trouble_ = receipt.error().message;
  }
  --in_flight_;
  settled_.notify_all();
}

void FollowTracker::drain() {
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return in_flight_ == 0; });
}

bool FollowTracker::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::string FollowTracker::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

// What was logged and not folded is folded with the next submission: an empty one, since there may
// be no other for long.
void FollowTracker::reset() {
  const Marks logged = ingest_.marks();
  {
    const std::lock_guard lock(mutex_);
    submitted_ = logged;
    failed_ = false;
    ++attempt_;
    ++in_flight_;
  }
  const Status queued =
      ingest_.submit_followed({.what = PreparedEvents{}, .marks = {}},
                              [this, logged](const Result<IngestReceipt>& receipt) {
                                const std::lock_guard lock(mutex_);
                                if (receipt) fold(logged);
                                --in_flight_;
                                settled_.notify_all();
                              });
  if (queued) return;
  const std::lock_guard lock(mutex_);
  --in_flight_;
  settled_.notify_all();
}

std::optional<uint64_t> FollowTracker::next(const std::string& source) const {
  const std::lock_guard lock(mutex_);
  const auto found = submitted_.find(source);
  return found == submitted_.end() ? std::nullopt : std::optional(found->second);
}

std::shared_ptr<const FollowTracker::Marks> FollowTracker::folded() const {
  const std::lock_guard lock(mutex_);
  return folded_;
}

uint64_t FollowTracker::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

uint64_t FollowTracker::duplicates() const {
  const std::lock_guard lock(mutex_);
  return duplicates_;
}

}  // namespace palate
