#include "features/fold.h"

#include <algorithm>
#include <array>
#include <bit>

#include "features/user_states.h"

namespace palate {
namespace {

// States read at once: bounds memory at about 256 x 100 KB.
constexpr size_t kStatesAtOnce = 256;

// Keys of users compare as bytes.
bool key_before(const UserId& a, const UserId& b) { return a.bytes() < b.bytes(); }

// Folds one user after the other, with the memory of the one before.
class OneByOne {
 public:
  OneByOne(const FoldParts& parts, ItemSide* side)
      : parts_(parts), side_(side), rules_{parts.types, parts.limits, parts.features} {}
  // `stored` is the state so far.
  Result<std::string_view> fold(std::string_view name, const std::optional<std::string>& stored,
                                std::span<const HistoryEntry> entries) {
    if (stored) {
      state_ = TRY(decode_user_state(*stored, *parts_.types));
    } else {
      state_.name = name;
      state_.history.clear();
      state_.consumed.clear();
      state_.has_profile = false;
      state_.activity = nullptr;
    }
    fold_user(state_, entries, rules_, side_);
    encode_user_state(state_, *parts_.types, bytes_);
    return std::string_view(bytes_);
  }

 private:
  const FoldParts& parts_;
  ItemSide* side_;
  const UserRules rules_;
  UserState state_;
  std::string bytes_;
};

}  // namespace

// Entries put together by user.
struct UserFold::Grouped {
  std::vector<HistoryEntry> entries;  // of each user in log order
  std::vector<uint32_t> begin;        // of each user, and the end
  [[nodiscard]] std::span<const HistoryEntry> of(size_t user) const {
    return std::span(entries).subspan(begin[user], begin[user + 1] - begin[user]);
  }
};

struct UserFold::Member {
  UserId id;
  uint32_t resolver = 0, user = 0;
};

UserFold::UserFold(const FoldParts& parts, FoldInput input)
    : parts_(parts), input_(std::move(input)) {
  for (const Resolver::Users* users : input_.users) {
    Cut& cut = cuts_.emplace_back();
    std::array<uint32_t, kUserPartitions + 1> next{};
    for (const UserId& id : users->ids) ++next[partition_of(id) + 1];
    for (size_t p = 0; p < kUserPartitions; ++p) next[p + 1] += next[p];
    cut.begin = next;
    cut.users.resize(users->ids.size());
    cut.place.resize(users->ids.size());
    for (uint32_t u = 0; u < users->ids.size(); ++u) {
      cut.users[next[partition_of(users->ids[u])]++] = u;
    }
  }
}

// Ascending by key; a user that several resolvers met is there as often.
std::vector<UserFold::Member> UserFold::members_of(Partitions some) const {
  std::vector<Member> members;
  for (uint32_t r = 0; r < cuts_.size(); ++r) {
    for (uint32_t i = cuts_[r].begin[some.begin]; i < cuts_[r].begin[some.end]; ++i) {
      const uint32_t user = cuts_[r].users[i];
      members.push_back({input_.users[r]->ids[user], r, user});
    }
  }
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return key_before(a.id, b.id); });
  return members;
}

// Counting sort by the users' places, which are below `users`.
UserFold::Grouped UserFold::group(Partitions some, size_t users) const {
  Grouped grouped;
  grouped.begin.assign(users + 1, 0);
  for (const ResolvedBlock& block : input_.blocks) {
    const std::vector<uint32_t>& place = cuts_[block.resolver].place;
    for (const TasteEntry& entry : block.of(some.begin, some.end)) {
      ++grouped.begin[place[entry.user] + 1];
    }
  }
  for (size_t u = 0; u < users; ++u) grouped.begin[u + 1] += grouped.begin[u];
  grouped.entries.resize(grouped.begin.back());
  std::vector<uint32_t> next = grouped.begin;
  for (const ResolvedBlock& block : input_.blocks) {
    const std::vector<uint32_t>& place = cuts_[block.resolver].place;
    for (const TasteEntry& entry : block.of(some.begin, some.end)) {
      grouped.entries[next[place[entry.user]]++] = history_entry(entry, block.first);
    }
  }
  return grouped;
}

Status UserFold::fold(Partitions some, const Take& take) {
  const std::vector<Member> members = members_of(some);
  std::vector<const Member*> distinct;
  for (const Member& member : members) {
    if (distinct.empty() || distinct.back()->id != member.id) distinct.push_back(&member);
    cuts_[member.resolver].place[member.user] = static_cast<uint32_t>(distinct.size() - 1);
  }
  const Grouped grouped = group(some, distinct.size());
  ItemSide side{input_.first, input_.weights, &liked_[some.begin]};
  OneByOne folder(parts_, parts_.features->keeps_activity() ? &side : nullptr);
  std::vector<std::string> keys;
  std::vector<size_t> users;
  const auto fold_some = [&]() -> Status {
    std::vector<std::optional<std::string>> stored(keys.size());
    if (!parts_.store_is_empty) stored = TRY(parts_.store->multi_get(keys));
    for (size_t i = 0; i < keys.size(); ++i) {
      const Member& member = *distinct[users[i]];
      const std::string_view name = input_.users[member.resolver]->table.names()[member.user].name;
      TRY(take(keys[i], TRY(folder.fold(name, stored[i], grouped.of(users[i])))));
    }
    keys.clear();
    users.clear();
    return {};
  };
  for (size_t u = 0; u < distinct.size(); ++u) {
    if (grouped.of(u).empty()) continue;  // said nothing about taste
    keys.push_back(user_key(distinct[u]->id));
    users.push_back(u);
    if (keys.size() == kStatesAtOnce) TRY(fold_some());
  }
  return fold_some();
}

}  // namespace palate
