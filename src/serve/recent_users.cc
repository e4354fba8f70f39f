#include "serve/recent_users.h"

#include <algorithm>
#include <unordered_map>

#include "events/block.h"

namespace palate {
namespace {

using LastSeen = std::unordered_map<std::string, TimeUs>;

Status read_end(const EventLog& log, const EventTypes& types, const Position& end,
                const std::function<void(const EventView&)>& visit) {
  const uint64_t read = std::min(end.offset, RecentUsersSearch::kEventsReadMax);
  return log.read({Stream::kEvents, end.partition, end.offset - read},
                  [&](const EventLog::Block& block) -> Status {
                    const EventBatch batch = TRY(decode_events(block.bytes, types));
                    for (const EventView& row : batch.rows) visit(row);
                    return {};
                  });
}

Status add(const LiveState& state, const std::string& name, FoundUsers& found) {
  const auto user = TRY(state.user(name));
  if (user) found.users.push_back({name, user->history.size()});
  return {};
}

// Newest first; by name where nothing tells them apart.
std::vector<std::string> newest_first(const LastSeen& seen) {
  std::vector<std::pair<TimeUs, std::string>> order;
  for (const auto& [name, ts] : seen) order.emplace_back(ts, name);
  std::ranges::sort(order, [](const auto& a, const auto& b) {
    return a.first != b.first ? b.first < a.first : a.second < b.second;
  });
  std::vector<std::string> names;
  for (auto& [ts, name] : order) names.push_back(std::move(name));
  return names;
}

}  // namespace

Result<FoundUsers> find_recent_users(const EventLog& log, const EventTypes& types,
                                     const LiveState& state, const RecentUsersSearch& search) {
  FoundUsers found;
  LastSeen seen;
  for (const Position& end : TRY(log.ends())) {
    if (end.stream != Stream::kEvents) continue;
    TRY(read_end(log, types, end, [&](const EventView& row) {
      ++found.events_read;
      if (row.user.empty() || !row.user.starts_with(search.prefix)) return;
      TimeUs& last = seen[std::string(row.user)];
      last = std::max(last, row.ts);
    }));
  }
  if (!search.prefix.empty()) TRY(add(state, search.prefix, found));
  for (const std::string& name : newest_first(seen)) {
    if (found.users.size() >= search.n) break;
    if (name != search.prefix) TRY(add(state, name, found));
  }
  return found;
}

}  // namespace palate
