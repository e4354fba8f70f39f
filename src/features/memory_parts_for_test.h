// A store in memory beside the log (events/memory_log_for_test.h), for tests that reopen the same
// data hundreds of times. It keeps the contract that store/state_store_contract.h tests on the real
// ones.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "events/memory_log_for_test.h"
#include "features/feature_config.h"
#include "store/state_store.h"

namespace palate {

// All of [features].
inline FeatureConfig everything(int64_t co_views) {
  FeatureConfig config;
  config.counters = config.trust = true;
  config.co_views = co_views;
  config.shown = 20;
  config.local_trends = true;
  config.segment_key = "segment";
  return config;
}

class MemoryStore : public StateStore {
  class MemoryBulk : public Bulk {
   public:
    explicit MemoryBulk(MemoryStore& store) : store_(store) {}
    struct MemoryPart : Part {
      explicit MemoryPart(MemoryBulk& owner) : bulk(owner) {}
      Status add(std::string_view key, std::string_view value) override {
        if (!values.empty() && key <= values.rbegin()->first) {
          return fail(Code::kInvalidArgument, "keys must ascend");
        }
        values.emplace(key, value);
        return {};
      }
      Status finish() override {
        const std::lock_guard lock(bulk.mutex_);
        bulk.finished_.push_back(std::move(values));
        return {};
      }
      MemoryBulk& bulk;
      std::map<std::string, std::string> values;
    };
    Result<std::unique_ptr<Part>> part() override { return std::make_unique<MemoryPart>(*this); }
    Status commit() override {
      for (const auto& values : finished_) {
        for (const auto& [key, value] : values) store_.values.insert_or_assign(key, value);
      }
      return {};
    }

   private:
    MemoryStore& store_;
    std::mutex mutex_;
    std::vector<std::map<std::string, std::string>> finished_;
  };

 public:
  Result<std::optional<std::string>> get(std::string_view key) const override {
    const auto found = values.find(key);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  }
  Result<std::vector<std::optional<std::string>>> multi_get(
      std::span<const std::string> keys) const override {
    std::vector<std::optional<std::string>> answers;
    for (const std::string& key : keys) answers.push_back(TRY(get(key)));
    return answers;
  }
  Status write(std::span<const Put> batch) override {
    if (writes_left == 0) return fail(Code::kNoSpace, "the test's disk is full");
    --writes_left;
    for (const Put& put : batch) {
      if (put.value) {
        values[put.key] = *put.value;
      } else {
        values.erase(put.key);
      }
    }
    return {};
  }
  Result<std::unique_ptr<Bulk>> bulk() override {
    if (writes_left == 0) return fail(Code::kNoSpace, "the test's disk is full");
    --writes_left;
    return std::make_unique<MemoryBulk>(*this);
  }
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    const auto snapshot = values;
    for (auto at = snapshot.lower_bound(prefix);
         at != snapshot.end() && at->first.starts_with(prefix); ++at) {
      if (!visit(at->first, at->second)) break;
    }
    return {};
  }
  Status sync() override { return {}; }

  std::map<std::string, std::string, std::less<>> values;
  size_t writes_left = static_cast<size_t>(-1);  // then every write fails
};

}  // namespace palate
