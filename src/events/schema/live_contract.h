// The contract that holds now: looks at the tenant's schemas again when their folder has changed,
// at most once in kLookEvery, so that a server follows `palate schema evolve` without a restart.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>

#include "events/schema/schema_registry.h"

namespace palate {

class LiveContract {
 public:
  static constexpr auto kLookEvery = std::chrono::seconds(1);
  // `types` must outlive it. Errors: those of SchemaRegistry::open.
  static Result<std::unique_ptr<LiveContract>> open(Path tenant_directory, const EventTypes& types,
                                                    References known = {});
  // Never nullptr. Schemas that cannot be read are reported in the log once, and the ones before
  // hold on. Thread-safe; a mutex is held for a pointer's copy, and by one caller while it looks.
  [[nodiscard]] std::shared_ptr<const Contract> get();

 private:
  LiveContract(Path tenant_directory, const EventTypes& types, References known)
      : root_(std::move(tenant_directory)), types_(types), known_(std::move(known)) {}
  Status look();
  const Path root_;
  const EventTypes& types_;
  const References known_;
  std::mutex mutex_;  // guards the rest
  std::shared_ptr<const Contract> contract_;
  std::filesystem::file_time_type changed_;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace palate
