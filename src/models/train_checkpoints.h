// States of a fit in files, to go on after it was stopped: whole or not there, the newest two are
// kept, and one is written when what that costs is below a share of the time since the last.
#pragma once

#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/result.h"

namespace palate {

struct CheckpointOptions {
  Path folder = {};          // empty: none are kept
  double cost = 0.05;        // the share of the time that writing may take
  std::string kind = {};     // "als"
  std::string of_what = {};  // settings, seed and data: what another fit wrote is not read
};

// Of lists of numbers, all of them read: for CheckpointOptions::of_what.
template <class... Lists>
std::string name_of_numbers(const Lists&... lists) {
  uint64_t hash = 0;
  const auto add = [&](const auto& list) {
    const std::span<const std::byte> bytes = std::as_bytes(std::span(list));
    hash = hash64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, hash + bytes.size());
  };
  (add(lists), ...);
  return fmt::format("{:016x}", hash);
}

class FitCheckpoints {
 public:
  explicit FitCheckpoints(const CheckpointOptions& options);

  // Shows the states that are whole, the newest first, until one is taken. Returns whether one was.
  Result<bool> resume(const std::function<bool(std::string_view)>& take) const;
  // `state` is called where it is time for one.
  Status keep(int epoch, const std::function<std::string()>& state);
  Status remove_all() const;  // the fit is done

 private:
  [[nodiscard]] std::vector<std::pair<int, Path>> found() const;  // newest first
  Path folder_;
  std::string prefix_;
  double cost_;
  double last_s_ = 0, write_s_ = 0;
};

// Lists of numbers, one after the other.
template <class T>
void put_list(std::string& bytes, const T* first, uint64_t count) {
  bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
  bytes.append(reinterpret_cast<const char*>(first), count * sizeof(T));
}
// False where there is not that much; `bytes` is then of no use.
template <class List>
bool take_list(std::string_view& bytes, List& list) {
  uint64_t count = 0;
  if (bytes.size() < sizeof count) return false;
  std::memcpy(&count, bytes.data(), sizeof count);
  bytes.remove_prefix(sizeof count);
  if (bytes.size() / sizeof list[0] < count) return false;
  list.resize(count);
  if (count > 0) std::memcpy(list.data(), bytes.data(), count * sizeof list[0]);
  bytes.remove_prefix(count * sizeof list[0]);
  return true;
}

}  // namespace palate
