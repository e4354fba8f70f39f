#include "store/redis_config.h"

namespace palate {

void StateConfig::fields(FieldVisitor<StateConfig>& field) {
  field("kind", &StateConfig::kind, {.one_of = {"embedded", "redis"}},
        "Where users' states are: embedded, in the data directory, or redis.");
}

void RedisConfig::fields(FieldVisitor<RedisConfig>& field) {
  field("address", &RedisConfig::address, {},
        "host:port, or the path of a Unix socket; for state.kind = \"redis\".");
  field("prefix", &RedisConfig::prefix, {},
        "What every key begins with, so that several systems can share one Redis.");
  field("username", &RedisConfig::username, {}, "For AUTH; empty is Redis' default user.");
  field("password_file", &RedisConfig::password_file, {},
        "The file that holds the password; empty: no AUTH.");
  field("database", &RedisConfig::database, {.min = 0, .max = 1'000'000},
        "The number of the database (SELECT).");
  field("timeout_ms", &RedisConfig::timeout_ms, {.min = 10, .max = 600'000, .unit = "ms"},
        "How long connecting, or one command, may take.");
}

}  // namespace palate
