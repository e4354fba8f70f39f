// The server's metrics, for Prometheus. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "serve/decision_log.h"
#include "serve/live_models.h"

namespace palate {

class ServeMetrics {
 public:
  ServeMetrics(std::span<const std::string_view> endpoints, const Tenant& tenant);
  ~ServeMetrics();

  // One answered request. `endpoint` is a place in `endpoints`.
  void answered(size_t endpoint, int status, double latency_s);
  void wrote(Stream stream, uint64_t accepted, uint64_t duplicates);
  void refused(Stream stream, uint64_t records);
  void quarantined(uint64_t records);
  // Answers by whether they were personal.
  void recommended(bool personalized);

  // What is read only when somebody scrapes.
  struct Gauges {
    LiveModels::Report models;
    std::vector<StageReport> stages;
    std::vector<LevelReport> levels;
    DecisionLog::Report decisions;
    AsOf as_of;
    size_t queued_events = 0;
    uint64_t behind = 0;    // messages of a followed stream
    size_t forgetting = 0;  // users who are hidden, and whose files are not rewritten
    size_t items = 0;
    size_t connections = 0;
  };
  // The text exposition format.
  [[nodiscard]] std::string text(const Gauges& gauges);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace palate
