// StateStore: key-value state behind one contract. Keys and values are bytes. The implementations
// are RocksDB (store/rocks_state.h) and, later, Redis; store/state_store_contract.h is the suite
// that each must pass.
//
// State is derived from the log and can be rebuilt, so a write() here is atomic and ordered but not
// synced: after a crash the store holds a prefix of the writes, never half of one. Whoever folds
// the log writes the position reached in the same batch and continues from there.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace palate {

class StateStore {
 public:
  struct Put {
    std::string key;
    std::optional<std::string> value;  // nullopt deletes
  };

  // So many entries that they go into tables of their own, past the write-ahead log. Part by part,
  // each by one thread; nothing is visible before commit(), and nothing stays without it.
  class Bulk {
   public:
    class Part {
     public:
      virtual ~Part() = default;
      // Keys ascend.
      virtual Status add(std::string_view key, std::string_view value) = 0;
      // Durable on return, still invisible.
      virtual Status finish() = 0;
    };
    virtual ~Bulk() = default;
    // Keys of different parts do not lie between each other. Thread-safe.
    virtual Result<std::unique_ptr<Part>> part() = 0;
    // All finished parts at once, or nothing; durable on return, and all that was written before.
    virtual Status commit() = 0;
  };

  virtual ~StateStore() = default;

  // The value, or nullopt for a key that is not there. Thread-safe, like all reads.
  virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  // One answer a key, in the order of `keys`.
  virtual Result<std::vector<std::optional<std::string>>> multi_get(
      std::span<const std::string> keys) const = 0;
  // All or nothing; later entries for the same key win. Writers are serialized by the caller.
  virtual Status write(std::span<const Put> batch) = 0;
  // One at a time; it must not outlive the store.
  virtual Result<std::unique_ptr<Bulk>> bulk() = 0;
  // Calls `visit` for every key that starts with `prefix`, ascending, until it returns false. A
  // consistent snapshot.
  virtual Status scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
  // Makes everything written so far durable.
  virtual Status sync() = 0;
};

}  // namespace palate
