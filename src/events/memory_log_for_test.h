// A log in memory, for tests and benchmarks that make the same one hundreds of times. It keeps the
// contract that events/log_contract.h tests on the real ones.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "events/log.h"

namespace palate {

class MemoryLog : public EventLog {
 public:
  Result<std::vector<Position>> append(std::span<const Append> blocks) override {
    std::vector<Position> positions;
    for (const auto& block : blocks) {
      auto& part = parts_[{block.stream, block.partition}];
      positions.push_back({block.stream, block.partition, part.end});
      part.blocks.push_back({positions.back(), block.count, block.bytes});
      part.end += block.count;
    }
    return positions;
  }
  Status read(Position from, const std::function<Status(const Block&)>& visit) const override {
    const auto part = parts_.find({from.stream, from.partition});
    if (part == parts_.end()) return {};
    for (const auto& block : part->second.blocks) {
      if (block.first.offset + block.count <= from.offset) continue;
      TRY(visit({block.first, block.count, block.bytes}));
    }
    return {};
  }
  [[nodiscard]] Result<AsOf> ends() const override {
    AsOf ends;
    for (const auto& [key, part] : parts_) ends.push_back({key.first, key.second, part.end});
    return ends;
  }

 private:
  struct Stored {
    Position first;
    uint32_t count;
    std::string bytes;
  };
  struct Part {
    std::vector<Stored> blocks;
    uint64_t end = 0;
  };
  std::map<std::pair<Stream, uint32_t>, Part> parts_;
};

}  // namespace palate
