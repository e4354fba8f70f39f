#include "events/event.h"

#include <algorithm>
#include <cstring>

namespace palate {
namespace {
constexpr size_t kArenaChunkBytes = 64 * 1024;
}

char* Arena::allocate(size_t size) {
  if (size > left_) {
    const size_t chunk = std::max(size, kArenaChunkBytes);
    std::shared_ptr<char[]> bytes(new char[chunk]);
    char* start = bytes.get();
    owners_.push_back(std::move(bytes));
    if (size >= kArenaChunkBytes) return start;  // the chunk in use keeps its rest
    next_ = start;
    left_ = chunk;
  }
  char* result = next_;
  next_ += size;
  left_ -= size;
  return result;
}

std::string_view Arena::copy(std::string_view text) {
  if (text.empty()) return {};
  char* bytes = allocate(text.size());
  std::memcpy(bytes, text.data(), text.size());
  return {bytes, text.size()};
}

std::string_view ItemRecord::title(std::string_view language) const {
  if (titles.empty()) return id;
  const auto wanted = titles.find(std::string(language));
  if (wanted != titles.end()) return wanted->second;
  for (const char* fallback : {"", "en"}) {
    const auto found = titles.find(fallback);
    if (found != titles.end()) return found->second;
  }
  return titles.begin()->second;
}

}  // namespace palate
