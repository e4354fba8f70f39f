// The [state] and [redis] sections.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace palate {

struct StateConfig {
  std::string kind = "embedded";
  static void fields(FieldVisitor<StateConfig>& field);
  [[nodiscard]] bool is_redis() const { return kind == "redis"; }
};

struct RedisConfig {
  std::string address = "127.0.0.1:6379";
  std::string prefix = "palate";
  std::string username;
  std::string password_file;
  int64_t database = 0;
  int64_t timeout_ms = 2000;
  static void fields(FieldVisitor<RedisConfig>& field);
};

}  // namespace palate
