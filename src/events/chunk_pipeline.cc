#include "events/chunk_pipeline.h"

#include <algorithm>

namespace palate {

ChunkPipeline::ChunkPipeline(Parts parts) : parts_(std::move(parts)) {
  parts_.threads = std::max<size_t>(parts_.threads, 1);
  slots_.resize(2 * parts_.threads);
  for (size_t i = 0; i < parts_.threads; ++i) threads_.emplace_back([this] { work(); });
}

ChunkPipeline::~ChunkPipeline() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  threads_.clear();
}

// Takes the next chunk of the source, waiting until there is a slot for it.
bool ChunkPipeline::take(RawChunk& raw, ParsedChunk& parsed, uint64_t& number) {
  const std::lock_guard taking(taking_);
  if (source_ended_) return false;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return stopping_ || taken_ < delivered_ + slots_.size(); });
    if (stopping_) return false;
    if (!spare_.empty()) {
      parsed.events.rows = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  auto more = parts_.take(raw);
  source_ended_ = !more || !*more;
  if (!more) parsed.error = std::move(more).error();
  if (source_ended_) {
    const std::lock_guard lock(mutex_);
    end_ = taken_ + (parsed.error ? 1 : 0);
    ready_.notify_all();
    if (!parsed.error) return false;
  }
  number = taken_++;
  return true;
}

void ChunkPipeline::work() {
  const ChunkParser parse = parts_.make_parser();
  while (true) {
    RawChunk raw;
    auto parsed = std::make_unique<ParsedChunk>();
    uint64_t number = 0;
    if (!take(raw, *parsed, number)) return;
    if (!parsed->error) {
      parsed->owner = raw.text.owner;
      parsed->events.arena.keep(raw.text.owner);
      parse(raw, *parsed);
    }
    const std::lock_guard lock(mutex_);
    slots_[number % slots_.size()] = std::move(parsed);
    ready_.notify_all();
  }
}

std::unique_ptr<ParsedChunk> ChunkPipeline::next() {
  std::unique_lock lock(mutex_);
  auto& slot = slots_[delivered_ % slots_.size()];
  ready_.wait(lock, [&] { return slot != nullptr || delivered_ >= end_; });
  if (slot == nullptr) return nullptr;
  auto chunk = std::move(slot);
  ++delivered_;
  room_.notify_all();
  return chunk;
}

void ChunkPipeline::recycle(std::vector<EventView> rows) {
  if (rows.capacity() == 0) return;
  rows.clear();
  const std::lock_guard lock(mutex_);
  if (spare_.size() < slots_.size()) spare_.push_back(std::move(rows));
}

}  // namespace palate
