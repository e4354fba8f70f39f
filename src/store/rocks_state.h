// StateStore over the database's `state` column. Every key begins with the tenant's name and a zero
// byte, so that a shared store (the scaled-out twin) has the same keys; callers never see that.
#pragma once

#include "store/database.h"
#include "store/state_store.h"

namespace palate {

class RocksState : public StateStore {
 public:
  // `database` must outlive it.
  explicit RocksState(Database& database);

  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::vector<std::optional<std::string>>> multi_get(
      std::span<const std::string> keys) const override;
  Status write(std::span<const Put> batch) override;
  Result<std::unique_ptr<Bulk>> bulk() override;
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view key, std::string_view value)>& visit)
      const override;
  Status sync() override;

 private:
  // How readers look keys up. A secondary that missed a write-ahead log (flushed and deleted
  // between two catch-ups) keeps a buffer whose values are older than the tables' but shadow them
  // in RocksDB 7.8's Get; its iterators order versions by sequence number and are right.
  Result<std::vector<std::optional<std::string>>> seek_each(
      std::span<const std::string> keys) const;
  [[nodiscard]] std::string full_key(std::string_view key) const;
  Database& database_;
  std::string tenant_prefix_;
};

}  // namespace palate
