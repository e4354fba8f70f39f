#include "lake/lake_config.h"

namespace palate {

void LakeConfig::fields(FieldVisitor<LakeConfig>& field) {
  using C = LakeConfig;
  field("every_s", &C::every_s, {.min = 0, .max = 7 * 86'400, .unit = "s"},
        "How often `palate serve` compacts the log into the lake, beside answering; 0: never.");
  field("keep_days", &C::keep_days, {.min = 0, .max = 36'500, .unit = "days"},
        "Days of events older than this leave the lake with the next compaction; 0: never.");
  field("region_key", &C::region_key, {},
        "The key of an event's context (region, country) that the lake's days are parted by, too; "
        "empty: by days alone. It stays what it was when the lake was made.");
  field("dedup_days", &C::dedup_days, {.min = 0, .max = 30, .unit = "days"},
        "A repeated event_id is noticed when its days are no further apart than this.");
  field("memory_mib", &C::memory_mib, {.min = 16, .max = 1 << 20, .unit = "MiB"},
        "Memory for the events that a compaction sorts at once.");
  field("target_mib", &C::target_mib, {.min = 1, .max = 4096, .unit = "MiB"},
        "Files are merged up to this size, and a larger one is begun anew.");
  field("grace_s", &C::grace_s, {.min = 0, .max = 30 * 86'400, .unit = "s"},
        "How long replaced files stay for readers that opened the lake before.");
}

void LakeConfig::add_types_to(ConfigSchema& schema) {
  schema.add_table(
      "lake.types", "How long the lake keeps events of one type.",
      "[lake.types.impression]\nkeep_days = 30\n",
      [this](const std::string& name, const std::map<std::string, FieldValue>& values) -> Status {
        constexpr int64_t kDaysMax = 36'500;
        for (const auto& [key, value] : values) {
          const auto* days = std::get_if<int64_t>(&value);
          if (key != "keep_days") {
            return fail(Code::kInvalidArgument, "unknown key '{}': a type has keep_days", key);
          }
          if (days == nullptr || *days < 0 || *days > kDaysMax) {
            return fail(Code::kInvalidArgument, "keep_days must be a whole number up to {}",
                        kDaysMax);
          }
          keep_days_of[name] = *days;
        }
        return {};
      });
}

}  // namespace palate
