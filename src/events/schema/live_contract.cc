#include "events/schema/live_contract.h"

#include "base/log.h"

namespace palate {

Result<std::unique_ptr<LiveContract>> LiveContract::open(Path tenant_directory,
                                                         const EventTypes& types,
                                                         References known) {
  std::unique_ptr<LiveContract> live(
      new LiveContract(std::move(tenant_directory), types, std::move(known)));
  TRY(live->look());
  return live;
}

std::shared_ptr<const Contract> LiveContract::get() {
  const std::lock_guard lock(mutex_);
  if (std::chrono::steady_clock::now() < next_look_) return contract_;
  if (const Status looked = look(); !looked) {
    log_error("the schemas have changed and cannot be read; those from before hold on: {}",
              looked.error().message);
  }
  return contract_;
}

// A folder's time changes with every file that is put into it. Two changes within the clock's tick
// are told apart because the first of them was young when it was seen.
Status LiveContract::look() {
  next_look_ = std::chrono::steady_clock::now() + kLookEvery;
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(root_ / "schemas", error);
  const auto known = error ? std::filesystem::file_time_type::min() : changed;
  const bool young = std::filesystem::file_time_type::clock::now() - known < 2 * kLookEvery;
  if (contract_ != nullptr && known == changed_ && !young) return {};
  contract_ = TRY(SchemaRegistry::open(root_)).contract(types_, known_);
  changed_ = known;
  return {};
}

}  // namespace palate
