// What every command starts from: the settings out of file, environment and flags, and the common
// switches.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/stop.h"
#include "events/column_mapping.h"
#include "events/event_types.h"
#include "features/feature_config.h"
#include "ingest/data_directory.h"
#include "ingest/upkeep.h"
#include "kafka/kafka_config.h"
#include "kafka/kafka_stream.h"
#include "lake/lake_config.h"
#include "models/catalog.h"
#include "operate/ranker_settings.h"
#include "recommend/decision.h"
#include "recommend/pipeline.h"
#include "recommend/recommend_config.h"
#include "recommend/shelves.h"
#include "serve/server.h"
#include "simulate/simulate_config.h"
#include "store/redis_config.h"

namespace palate {

struct DataConfig {
  std::string dir = "palate-data";
  std::string tenant = "default";
  int64_t history_events_max = 500;
  int64_t dedup_events = 10'000'000;
  int64_t log_buffer_kib = 16 * 1024;
  int64_t state_buffer_kib = 8 * 1024;
  int64_t users_mib = 256;
  int64_t state_delay_ms = 5000;
  static void fields(FieldVisitor<DataConfig>& field);
};

struct Settings {
  DataConfig data;
  LogConfig log;
  KafkaConfig kafka;
  StateConfig state;
  RedisConfig redis;
  FeatureConfig features;
  ServeConfig serve;
  RecommendConfig recommend;
  DecisionConfig decisions;
  Pipelines pipelines;
  ShelfPages shelves;
  LakeConfig lake;
  SimulateConfig simulate;
  MappingConfig import;
  ModelConfigs models;
  RankerSettings ranker;
  ValidationConfig validation;
  RetentionConfig retention;
  EventTypes types = EventTypes::defaults();
  ConfigSchema schema;  // bound to the members above
  Settings();
  Settings(const Settings&) = delete;
};

struct Context {
  Settings settings;
  std::string config_file;    // empty: ./palate.toml where there is one
  std::string settings_file;  // what load_settings() has read; empty: none
  bool json = false;          // a program reads the result
  bool quiet = false;         // no progress bars
  std::vector<std::pair<std::string, std::string>> dotted_flags;  // --section.key value

  // File, environment, flags, in this order.
  Status load_settings();
  // The data directory, with advice where there is none.
  [[nodiscard]] Result<std::unique_ptr<DataDirectory>> open_data(OpenMode mode) const;
  // The stream that `data`, open as writer, follows where log.kind is kafka; else nullptr. Both
  // outlive it.
  [[nodiscard]] std::unique_ptr<KafkaStream> follow(DataDirectory& data) const;
  // What `data`, open as writer, needs from time to time while a server runs; it outlives the
  // upkeep.
  [[nodiscard]] std::unique_ptr<Upkeep> look_after(DataDirectory& data) const;
  [[nodiscard]] Path lake_root() const;
  // Refuses to write into a directory beside the stream that it follows: other replicas would not
  // know.
  [[nodiscard]] Status check_embedded(std::string_view doing) const;
};

// The name and value of flags like --als.factors=64 or --als.factors 64, taken out of `arguments`.
// Errors: kInvalidArgument for one without a value.
Result<std::vector<std::pair<std::string, std::string>>> take_dotted_flags(
    std::vector<std::string>& arguments);

}  // namespace palate
