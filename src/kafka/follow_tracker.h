// What a follower has handed to the ingest and what became of it: up to where each source was
// submitted, and up to where it is folded. After a failure nothing more is accepted until reset(),
// which says where to read again from. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ingest/ingest.h"

namespace palate {

class FollowTracker {
 public:
  using Marks = std::map<std::string, uint64_t>;
  explicit FollowTracker(Ingest& ingest)
      : ingest_(ingest), folded_(std::make_shared<const Marks>(ingest.marks())) {}
  // Waits for what is in flight.
  ~FollowTracker() { drain(); }
  FollowTracker(const FollowTracker&) = delete;

  // Submits; each mark's `from` is filled in here.
  Status submit(Followed followed);
  // Until everything submitted is answered.
  void drain();
  // Whether something was not logged; why, in words.
  [[nodiscard]] bool failed() const;
  [[nodiscard]] std::string trouble() const;
  // After drain(): what was logged is where to go on from.
  void reset();

  // Where a source is to be read from: behind what was submitted last. Without: from its beginning.
  [[nodiscard]] std::optional<uint64_t> next(const std::string& source) const;
  // As it was at some moment: the same object until something more is folded.
  [[nodiscard]] std::shared_ptr<const Marks> folded() const;
  [[nodiscard]] uint64_t accepted() const;
  [[nodiscard]] uint64_t duplicates() const;

 private:
  void fold(const Marks& places);
  void answered(const std::vector<Followed::Mark>& marks, const Result<IngestReceipt>& receipt);

  Ingest& ingest_;
  mutable std::mutex mutex_;  // of all below
  std::condition_variable settled_;
  std::shared_ptr<const Marks> folded_;
  Marks submitted_ = *folded_;
  size_t in_flight_ = 0;
  uint64_t attempt_ = 0;  // counts resets
  bool failed_ = false;
  std::string trouble_;
  uint64_t accepted_ = 0, duplicates_ = 0;
};

}  // namespace palate
