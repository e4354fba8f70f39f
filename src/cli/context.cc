#include "cli/context.h"

#include <filesystem>
#include <limits>

#include "features/trust_model.h"
#include "lake/lake_directory.h"

namespace palate {

void DataConfig::fields(FieldVisitor<DataConfig>& field) {
  field("dir", &DataConfig::dir, {}, "The data directory. --data is short for this.");
  field("tenant", &DataConfig::tenant, {}, "Whose data. --tenant is short for this.");
  field("history_events_max", &DataConfig::history_events_max,
        {.min = 1, .max = 100'000, .unit = "events"},
        "The newest events kept of a user; what he consumed is remembered beyond that.");
  field("dedup_events", &DataConfig::dedup_events, {.min = 1000, .max = 1e9, .unit = "events"},
        "How many events back a repeated event_id is noticed, at least.");
  field("log_buffer_kib", &DataConfig::log_buffer_kib, {.min = 64, .max = 1 << 20, .unit = "KiB"},
        "Memory for what the log has not yet moved into tables; up to two of these.");
  field("state_buffer_kib", &DataConfig::state_buffer_kib,
        {.min = 64, .max = 1 << 20, .unit = "KiB"},
        "The same for the state of users; up to three of these.");
  field("users_mib", &DataConfig::users_mib, {.min = 1, .max = 1 << 20, .unit = "MiB"},
        "Memory for the states of users who were asked for or active lately.");
  field("state_delay_ms", &DataConfig::state_delay_ms, {.min = 0, .max = 600'000, .unit = "ms"},
        "How long changed states stay in memory (and in the log) before they are written; after a "
        "crash so much is folded again.");
}

Settings::Settings() {
  schema.add("data", data);
  schema.add("log", log);
  schema.add("kafka", kafka);
  schema.add("state", state);
  schema.add("redis", redis);
  schema.add("features", features);
  schema.add("serve", serve);
  schema.add("recommend", recommend);
  schema.add("decisions", decisions);
  schema.add("lake", lake);
  schema.add("simulate", simulate);
  schema.add("import", import);
  schema.add("validation", validation);
  schema.add("retention", retention);
  models.add_to(schema);
  ranker.add_to(schema);
  types.add_to(schema);
  lake.add_types_to(schema);
  pipelines.add_to(schema);
  shelves.add_to(schema);
}

Status Context::load_settings() {
  std::error_code ignored;
  const bool given = !config_file.empty();
  const std::string file = given ? config_file : "palate.toml";
  if (given || std::filesystem::exists(file, ignored)) {
    const std::string text = TRY(read_file(file, 1 << 20));
    TRY(settings.schema.apply_toml(text, file));
    settings_file = file;
  }
  TRY(settings.schema.apply_environment());
  for (const auto& [name, value] : dotted_flags) TRY(settings.schema.apply_flag(name, value));
  TRY(load_trust_model(settings.features));
  if (const auto found = settings.pipelines.find(settings.recommend.pipeline); !found) {
    return std::unexpected(found.error().within("recommend.pipeline"));
  }
  TRY(settings.shelves.check(settings.pipelines));
  const std::string& tenant = settings.data.tenant;
  if (tenant.empty() ||
      tenant.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos) {
    return fail(Code::kInvalidArgument, "data.tenant '{}' must be made of a-z, 0-9, - and _",
                tenant);
  }
  return {};
}

Result<std::unique_ptr<DataDirectory>> Context::open_data(OpenMode mode) const {
  DataDirectoryOptions options;
  options.data = settings.data.dir;
  options.tenant = {settings.data.tenant};
  options.mode = mode;
  options.history.events_max = static_cast<size_t>(settings.data.history_events_max);
  options.ingest.dedup_events = static_cast<size_t>(settings.data.dedup_events);
  options.log_buffer_bytes = static_cast<size_t>(settings.data.log_buffer_kib) << 10;
  options.state_buffer_bytes = static_cast<size_t>(settings.data.state_buffer_kib) << 10;
  options.user_bytes_max = static_cast<size_t>(settings.data.users_mib) << 20;
  options.state_delay = std::chrono::milliseconds(settings.data.state_delay_ms);
  options.validation = settings.validation;
  options.retention = settings.retention;
  options.forget_elsewhere = [lake = lake::LakeDirectory(lake_root())](const UserId& user,
                                                                       const AsOf& before) {
    return lake.forget(user, before);
  };
  options.features = settings.features;
  options.state = settings.state;
  options.redis = settings.redis;
  options.stop = process_stop_token();
  auto opened = DataDirectory::open(options, settings.types);
  if (!opened && mode != OpenMode::kWriter && opened.error().code == Code::kNotFound) {
    return fail(Code::kNotFound,
                "{}. Fill it first: palate import … or palate simulate; or say where it is: --data",
                opened.error().message);
  }
  return opened;
}

Path Context::lake_root() const { return Path(settings.data.dir) / settings.data.tenant / "lake"; }

std::unique_ptr<Upkeep> Context::look_after(DataDirectory& data) const {
  // The lake reads the log, too: what it has not read stays.
  const bool has_lake = settings.lake.every_s > 0;
  const auto not_beyond = [has_lake,
                           lake = lake::LakeDirectory(lake_root())]() -> Result<uint64_t> {
    const auto manifest = TRY(lake.current());
    if (manifest) return lake::offset_of(manifest->as_of, Stream::kEvents, 0);
    return has_lake ? 0 : std::numeric_limits<uint64_t>::max();
  };
  return std::make_unique<Upkeep>(
      Upkeep::Parts{.data = &data, .config = settings.retention, .not_beyond = not_beyond});
}

std::unique_ptr<KafkaStream> Context::follow(DataDirectory& data) const {
  if (!settings.log.is_kafka()) return nullptr;
  return std::make_unique<KafkaStream>(KafkaStream::Parts{.config = &settings.kafka,
                                                          .tenant = {settings.data.tenant},
                                                          .types = &settings.types,
                                                          .data = &data});
}

Status Context::check_embedded(std::string_view doing) const {
  if (!settings.log.is_kafka()) return {};
  return fail(Code::kInvalidArgument,
              "log.kind is kafka: {} would write beside the topics, which other processes follow, "
              "too. Send events to a server (POST /v1/events) or to a topic for palate consume",
              doing);
}

Result<std::vector<std::pair<std::string, std::string>>> take_dotted_flags(
    std::vector<std::string>& arguments) {
  std::vector<std::pair<std::string, std::string>> taken;
  std::vector<std::string> rest;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (!name.starts_with("--") || name.find('.') == std::string::npos) {
      rest.push_back(argument);
      continue;
    }
    if (equals != std::string::npos) {
      taken.emplace_back(name.substr(2), argument.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      taken.emplace_back(name.substr(2), arguments[++i]);
    } else {
      return fail(Code::kInvalidArgument, "{} needs a value", name);
    }
  }
  arguments = std::move(rest);
  return taken;
}

}  // namespace palate
