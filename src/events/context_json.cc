#include "events/context_json.h"

#include <algorithm>

#include "events/json_text.h"
#include "events/limits.h"

namespace palate {

std::string& ContextBuilder::entry(std::string_view key) {
  // One more than allowed is kept, so that finish() sees that there were too many.
  if (used_ <= kContextKeysMax) ++used_;
  if (entries_.size() < used_) entries_.emplace_back();
  auto& [name, value] = entries_[used_ - 1];
  name.assign(key);
  value.clear();
  return value;
}

void ContextBuilder::add_text(std::string_view key, std::string_view value) {
  append_json_string(entry(key), value);
}

void ContextBuilder::add_number(std::string_view key, double value) {
  append_json_number(entry(key), value);
}

void ContextBuilder::add_flag(std::string_view key, bool value) {
  entry(key) = value ? "true" : "false";
}

Reason ContextBuilder::finish(std::string_view& canonical) {
  canonical = {};
  const size_t count = std::exchange(used_, 0);
  if (count == 0) return Reason::kNone;
  if (count > kContextKeysMax) return Reason::kContextTooManyKeys;
  const auto end = entries_.begin() + static_cast<ptrdiff_t>(count);
  std::sort(entries_.begin(), end);
  text_ = "{";
  for (auto at = entries_.begin(); at != end; ++at) {
    const bool twice = at != entries_.begin() && at->first == std::prev(at)->first;
    if (twice || at->first.empty() || at->first.size() > kContextKeyBytesMax) {
      return Reason::kBadContext;
    }
    if (text_.size() > 1) text_ += ',';
    append_json_string(text_, at->first);
    text_ += ':';
    text_ += at->second;
    if (text_.size() >= kContextBytesMax) return Reason::kContextTooLarge;
  }
  text_ += '}';
  canonical = text_;
  return Reason::kNone;
}

}  // namespace palate
