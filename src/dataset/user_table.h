// Users to their rows of a dataset, in order of first appearance: an open-addressing hash table
// with linear probing over pseudonyms, which are random already. Not thread-safe.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace palate {

class UserTable {
 public:
  UserTable() { rehash(); }

  // The user's row, a new one for a new user. At most 2^32 - 1 users.
  UserIx add(const UserId& user) {
    size_t slot = user.words[0] & mask_;
    for (; slots_[slot].valid(); slot = (slot + 1) & mask_) {
      if (users_[slots_[slot].value] == user) return slots_[slot];
    }
    const UserIx added{static_cast<uint32_t>(users_.size())};
    slots_[slot] = added;
    users_.push_back(user);
    if (users_.size() * 2 > slots_.size()) rehash();
    return added;
  }
  [[nodiscard]] size_t size() const { return users_.size(); }
  [[nodiscard]] std::vector<UserId> take_users() && { return std::move(users_); }

 private:
  void rehash() {
    slots_.assign(std::bit_ceil(users_.size() * 4 + 64), UserIx{});
    mask_ = slots_.size() - 1;
    for (uint32_t row = 0; row < users_.size(); ++row) {
      size_t slot = users_[row].words[0] & mask_;
      while (slots_[slot].valid()) slot = (slot + 1) & mask_;
      slots_[slot] = {row};
    }
  }

  std::vector<UserId> users_;
  std::vector<UserIx> slots_;
  size_t mask_ = 0;
};

}  // namespace palate
