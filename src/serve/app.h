// What every endpoint may use. Built once by Server; outlives all requests.
#pragma once

#include <functional>

#include "base/ids.h"
#include "events/event_types.h"
#include "ingest/data_directory.h"
#include "ingest/error_budgets.h"
#include "recommend/pipeline.h"
#include "recommend/recommend_config.h"
#include "recommend/shelves.h"
#include "serve/decision_log.h"
#include "serve/live_models.h"
#include "serve/metrics.h"
#include "serve/refused_events.h"
#include "serve/serve_config.h"
#include "serve/slow_lane.h"

namespace palate {

struct App {
  ServeConfig config;
  Tenant tenant;
  DataDirectory* data = nullptr;
  Intake* intake = nullptr;  // where writes go: the directory's own, or the stream it follows
  const EventTypes* types = nullptr;
  RecommendConfig recommend = {};
  const Pipelines* pipelines = nullptr;
  const ShelfPages* shelves = nullptr;
  bool plain = true;  // requests that name no pipeline get the models' own lists
  LiveModels* models = nullptr;
  const DecisionLog* decisions = nullptr;
  ServeMetrics* metrics = nullptr;
  RefusedEvents* quarantine = nullptr;
  ErrorBudgets* budgets = nullptr;
  SlowLane* slow_lane = nullptr;    // nullptr: large bodies are worked on like small ones
  SlowLane* search_lane = nullptr;  // nullptr: searches run at once
  std::function<size_t()> connections;
};

// What a replica of a shared stream says it has seen, in positions that all replicas know; empty
// where the data directory's own are the only ones.
inline AsOf shared_positions(const App& app) {
  return app.intake == &app.data->ingest() ? AsOf() : app.intake->folded();
}

}  // namespace palate
