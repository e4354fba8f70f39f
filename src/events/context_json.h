// The canonical form of an event's context: one JSON object, keys sorted, no spaces, values only
// strings, numbers and booleans.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/validate.h"

namespace palate {

// Collects one row's context. Reusable: finish() empties it. Not thread-safe.
class ContextBuilder {
 public:
  void add_text(std::string_view key, std::string_view value);
  void add_number(std::string_view key, double value);
  void add_flag(std::string_view key, bool value);
  // The canonical object, empty when nothing was added; valid until the next call. kBadContext for
  // a key that is empty, too long or given twice, else kContextTooManyKeys or kContextTooLarge.
  Reason finish(std::string_view& canonical);

 private:
  std::string& entry(std::string_view key);
  std::vector<std::pair<std::string, std::string>> entries_;  // key, value as JSON
  size_t used_ = 0;  // entries of this row; the others keep their memory for the next
  std::string text_;
};

}  // namespace palate
