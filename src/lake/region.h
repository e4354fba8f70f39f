// The region that an event says it came from: a key of its context. What a user's record says later
// changes nothing of what was logged (docs/decisions/0006-lake-room.md).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace palate::lake {

// Remembers the contexts it has seen, up to a bound. Not thread-safe.
class RegionOfContext {
 public:
  // Without a key there are no regions.
  explicit RegionOfContext(std::string key) : key_(std::move(key)) {}
  // Empty where the context has none, or one that cannot be a folder's name, or one too many.
  std::string find(std::string_view context);

 private:
  [[nodiscard]] std::string parse(std::string_view context) const;
  std::string key_;
  std::map<std::string, std::string, std::less<>> known_;  // by context
  std::set<std::string, std::less<>> regions_;
};

}  // namespace palate::lake
