#include "events/reader.h"

#include <algorithm>
#include <atomic>
#include <list>

#include <fmt/format.h>

#include "base/threads.h"
#include "events/chunk_encoder.h"
#include "events/chunk_pipeline.h"
#include "events/event_chunks.h"
#include "events/occurrences.h"
#include "events/parquet_source.h"
#include "events/record_chunks.h"
#include "events/source_probe.h"

namespace palate {

template <class Batch>
struct Reader<Batch>::State {
  std::string file;
  SourceInfo info;
  ColumnMapping recipe;
  ReaderOptions options;
  std::unique_ptr<TextSource> text;
  std::unique_ptr<ParquetSource> parquet;
  Dialect dialect;
  std::vector<bool> wanted;  // columns of a Parquet file
  EventPlan events;
  RecordPlan records;
  std::list<std::string> strings;  // that the plan points into
  std::atomic<uint64_t> bytes_read{0};
  uint64_t line = 0;
  OccurrenceCounter occurrences;
  EncodeWishes wishes;
  EncodedRows encoded;                    // of the batch given last
  std::optional<ChunkPipeline> pipeline;  // last: its threads use what is above

  Result<bool> take(RawChunk& raw) {
    const bool more =
        parquet ? TRY(parquet->next(wanted, raw)) : TRY(text->next(dialect, raw.text));
    bytes_read = parquet ? parquet->bytes_read() : text->bytes_read();
    return more;
  }

  [[nodiscard]] ChunkParser make_event_parser() const {
    switch (info.format) {
      case SourceFormat::kJsonLines:
        return event_json_parser(events);
      case SourceFormat::kLists:
        return event_list_parser(events);
      case SourceFormat::kParquet:
        return event_cell_parser(events);
      default:
        return event_table_parser(events);
    }
  }

  [[nodiscard]] ChunkParser make_parser() const {
    if constexpr (std::is_same_v<Batch, EventBatch>) {
      return [parse = make_event_parser(), encoder = ChunkEncoder(*events.row.types, wishes)](
                 const RawChunk& raw, ParsedChunk& out) mutable {
        parse(raw, out);
        encoder.encode(out);
      };
    } else {
      if (info.format == SourceFormat::kJsonLines) return record_json_parser(records);
      if (info.format == SourceFormat::kParquet) return record_cell_parser(records);
      return record_table_parser(records);
    }
  }

  Status report(const ParsedChunk& chunk, const RejectSink& rejects) {
    for (const RejectedRow& row : chunk.rejects) {
      TRY(rejects(
          {file, line + row.line + 1, row.rejection.reason, row.rejection.sentence, row.bytes}));
    }
    line += chunk.lines;
    return {};
  }

  void hand_over(ParsedChunk& chunk, Batch& batch) {
    if constexpr (std::is_same_v<Batch, EventBatch>) {
      if (occurrences.number(chunk.events.rows, chunk.hashes)) {
        encode_again(chunk, *events.row.types);
      }
      encoded = std::move(chunk.encoded);
      pipeline->recycle(std::move(batch.rows));
      batch = std::move(chunk.events);
    } else if constexpr (std::is_same_v<Batch, std::vector<ItemRecord>>) {
      batch = std::move(chunk.items);
    } else {
      batch = std::move(chunk.users);
    }
  }
};

namespace {

bool empty(const EventBatch& batch) { return batch.rows.empty(); }
template <class Record>
bool empty(const std::vector<Record>& batch) {
  return batch.empty();
}

// What opening learns about a source, before it becomes a plan.
struct Opened {
  std::unique_ptr<TextSource> text;
  std::unique_ptr<ParquetSource> parquet;
  SourceProbe probe;
};

Result<Opened> open_source(RecordKind kind, const Path& path, const ColumnMapping& mapping) {
  Opened opened;
  opened.text = TRY(TextSource::open(path));
  const bool parquet =
      mapping.format == SourceFormat::kParquet ||
      (mapping.format == SourceFormat::kAuto && is_parquet(TRY(opened.text->peek())));
  if (parquet) {
    opened.parquet = TRY(open_parquet(path));
    opened.probe.format = SourceFormat::kParquet;
    opened.probe.names = opened.parquet->names();
    opened.probe.first_row = TRY(opened.parquet->first_row());
  } else {
    opened.probe = TRY(probe_source(kind, mapping, *opened.text));
  }
  return opened;
}

Result<std::vector<FieldColumn>> columns_of(RecordKind kind, const Path& path,
                                            const ColumnMapping& mapping,
                                            const SourceProbe& probe) {
  auto found = resolve_columns(kind, mapping, probe.names);
  if (found) return found;
  std::string row;
  for (const std::string& cell : probe.first_row)
    row += fmt::format("{}'{}'", row.empty() ? "" : " ", cell);
  constexpr size_t kShown = 200;
  return fail(found.error().code, "{}: {}{}", path.string(), found.error().message,
              row.empty() ? std::string("; it has no rows")
                          : fmt::format("; its first row is {}", row.substr(0, kShown)));
}

void note_recipe(ColumnMapping& recipe, const ColumnMapping& mapping, const SourceProbe& probe,
                 const std::vector<FieldColumn>& columns) {
  recipe = mapping;
  const bool parquet = probe.format == SourceFormat::kParquet;
  recipe.format = parquet ? SourceFormat::kCsv : probe.format;
  recipe.header = Header::kNo;
  recipe.delimiter = parquet ? ',' : probe.dialect.delimiter;
  recipe.own_form = probe.ours;
  if (!probe.ours) recipe.names = probe.names;
  for (const FieldColumn& column : columns) {
    recipe.columns[column.field] = probe.names[column.column];
  }
}

template <class State>
void describe_source(State& state, const ColumnMapping& mapping, Opened opened,
                     const std::vector<FieldColumn>& columns) {
  state.info.format = opened.probe.format;
  state.info.compression = opened.text->compression();
  state.info.bytes = opened.text->bytes_total();
  for (const FieldColumn& column : columns) {
    state.info.columns.emplace_back(column.field, opened.probe.names[column.column]);
  }
  note_recipe(state.recipe, mapping, opened.probe, columns);
  state.dialect = opened.probe.dialect;
  state.line = opened.probe.header_lines;
  state.wanted.resize(opened.probe.names.size());
  for (const FieldColumn& column : columns) state.wanted[column.column] = true;
  if (state.options.threads == 0) state.options.threads = available_processors();
  if (state.options.now.us == 0) state.options.now = now();
  state.text = std::move(opened.text);
  state.parquet = std::move(opened.parquet);
}

const FieldColumn* column_for(const std::vector<FieldColumn>& columns, std::string_view field) {
  const auto found = std::ranges::find(columns, field, &FieldColumn::field);
  return found == columns.end() ? nullptr : &*found;
}

TimeUnit unit_of(const ColumnMapping& mapping, const Opened& opened, const FieldColumn* ts) {
  if (ts == nullptr) return TimeUnit::kMicros;
  if (opened.parquet && opened.parquet->is_time(ts->column)) return TimeUnit::kMicros;
  if (mapping.ts_unit != TimeUnit::kAuto) return mapping.ts_unit;
  if (opened.probe.ours) return TimeUnit::kWire;
  const auto& row = opened.probe.first_row;
  return ts->column < row.size() ? guess_time_unit(row[ts->column]) : TimeUnit::kSeconds;
}

// Types, time and their names, for every form of source.
EventRowOptions row_options(const ColumnMapping& mapping, const EventTypes& types,
                            const Opened& opened, const std::vector<FieldColumn>& columns) {
  EventRowOptions row;
  row.types = &types;
  row.type_names = {mapping.type_names.begin(), mapping.type_names.end()};
  for (const auto& [theirs, ours] : known_type_names()) {
    if (!types.find(theirs)) row.type_names.emplace(theirs, ours);
  }
  const FieldColumn* value = column_for(columns, "value");
  const auto constant = mapping.constants.find("type");
  row.default_type = constant != mapping.constants.end() ? constant->second
                     : column_for(columns, "type")
                         ? ""
                         : default_type(value ? opened.probe.names[value->column] : "");
  const FieldColumn* ts = column_for(columns, "ts");
  row.ts_unit = unit_of(mapping, opened, ts);
  row.time = mapping.time_given                                  ? mapping.time
             : ts != nullptr || mapping.constants.contains("ts") ? TimeKind::kReal
                                                                 : TimeKind::kNone;
  row.received_is_ts = row.time == TimeKind::kReal;
  return row;
}

Status fill_event_plan(const ColumnMapping& mapping, const std::vector<FieldColumn>& columns,
                       std::list<std::string>& strings, EventPlan& plan) {
  const auto field_of = [](const std::string& name) {
    const auto found = std::ranges::find(kEventFieldNames, name);
    return static_cast<EventField>(found - kEventFieldNames.begin());
  };
  for (const auto& [field, value] : mapping.constants) {
    if (field.starts_with("context.")) {
      return fail(Code::kInvalidArgument, "'{}' cannot be set to a constant; set 'context'", field);
    }
    if (field != "type") plan.constants[field_of(field)] = strings.emplace_back(value);
  }
  for (const FieldColumn& column : columns) {
    constexpr std::string_view kContextPrefix = "context.";
    if (column.field.starts_with(kContextPrefix)) {
      plan.context.emplace_back(column.field.substr(kContextPrefix.size()), column.column);
    } else {
      plan.fields.emplace_back(field_of(column.field), column.column);
    }
  }
  return {};
}

JsonKeys json_keys(const EventPlan& plan, const std::vector<std::string>& names) {
  JsonKeys keys;
  for (const auto& [field, column] : plan.fields) keys.fields.emplace(names[column], field);
  for (const auto& [key, column] : plan.context) keys.context.emplace(names[column], key);
  return keys;
}

template <class Batch>
Result<Reader<Batch>> open_records(RecordKind kind, const Path& path, const ColumnMapping& mapping,
                                   const ReaderOptions& options) {
  auto state = std::make_unique<typename Reader<Batch>::State>();
  state->options = options;
  Opened opened = TRY(open_source(kind, path, mapping));
  const SourceProbe probe = opened.probe;
  RecordPlan& plan = state->records;
  plan.kind = kind;
  if (probe.format == SourceFormat::kLists) {
    return fail(Code::kInvalidArgument, "{}: lists of ids hold no items or users", path.string());
  }
  if (!probe.ours) plan.fields = TRY(columns_of(kind, path, mapping, probe));
  state->file = path.string();
  describe_source(*state, mapping, std::move(opened), plan.fields);
  plan.ours = probe.ours;
  plan.dialect = probe.dialect;
  plan.columns = probe.names.size();
  plan.constants = mapping.constants;
  plan.list_separator = mapping.list_separator;
  plan.latin1 = mapping.latin1;
  plan.contract = options.contract;
  for (const FieldColumn& column : plan.fields) {
    plan.keys.emplace(probe.names[column.column], column.field);
  }
  for (const auto& [column, category] : mapping.flags) {
    const auto found = std::ranges::find(probe.names, column);
    if (found == probe.names.end()) continue;
    plan.flags.emplace_back(static_cast<size_t>(found - probe.names.begin()), category);
  }
  std::ranges::sort(plan.flags);
  return Reader<Batch>(std::move(state));
}

}  // namespace

template <class Batch>
Reader<Batch>::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
template <class Batch>
Reader<Batch>::Reader(Reader&&) noexcept = default;
template <class Batch>
Reader<Batch>::~Reader() = default;

template <class Batch>
Result<bool> Reader<Batch>::next(Batch& batch, const RejectSink& rejects) {
  State& state = *state_;
  if (!state.pipeline) {
    state.pipeline.emplace(ChunkPipeline::Parts{[&state](RawChunk& raw) { return state.take(raw); },
                                                [&state] { return state.make_parser(); },
                                                state.options.threads});
  }
  while (auto chunk = state.pipeline->next()) {
    if (chunk->error) return std::unexpected(*chunk->error);
    TRY(state.report(*chunk, rejects));
    state.hand_over(*chunk, batch);
    if (!empty(batch)) return true;
  }
  batch = Batch{};
  return false;
}

template <class Batch>
void Reader<Batch>::wish_encoded(bool blocks, bool identities) {
  state_->wishes.blocks = blocks;
  state_->wishes.identities = identities;
}

template <class Batch>
EncodedRows Reader<Batch>::take_encoded() {
  return std::exchange(state_->encoded, {});
}

template <class Batch>
const SourceInfo& Reader<Batch>::info() const {
  return state_->info;
}

template <class Batch>
const ColumnMapping& Reader<Batch>::recipe() const {
  return state_->recipe;
}

template <class Batch>
uint64_t Reader<Batch>::bytes_read() const {
  return state_->bytes_read;
}

template class Reader<EventBatch>;
template class Reader<std::vector<ItemRecord>>;
template class Reader<std::vector<UserRecord>>;

Result<EventReader> open_events(const Path& path, const ColumnMapping& mapping,
                                const EventTypes& types, const ReaderOptions& options) {
  auto state = std::make_unique<EventReader::State>();
  state->options = options;
  Opened opened = TRY(open_source(RecordKind::kEvents, path, mapping));
  const SourceProbe probe = opened.probe;
  EventPlan& plan = state->events;
  std::vector<FieldColumn> columns;
  const bool has_columns = probe.format != SourceFormat::kLists && !probe.ours;
  if (has_columns) columns = TRY(columns_of(RecordKind::kEvents, path, mapping, probe));
  plan.row = row_options(mapping, types, opened, columns);
  plan.row.contract = options.contract;
  if (probe.ours) {
    plan.row.ts_unit = TimeUnit::kWire;
    plan.row.default_type = "";
    if (!mapping.time_given) plan.row.time = TimeKind::kReal;
    plan.row.received_is_ts = plan.row.time == TimeKind::kReal;
  }
  TRY(fill_event_plan(mapping, columns, state->strings, plan));
  if (has_columns && probe.format == SourceFormat::kJsonLines) {
    plan.keys = json_keys(plan, probe.names);
  }
  plan.dialect = probe.dialect;
  plan.columns = probe.names.size();
  state->file = path.string();
  describe_source(*state, mapping, std::move(opened), columns);
  plan.row.received = state->options.now;
  state->info.time = plan.row.time;
  state->info.ts_unit = plan.row.ts_unit;
  state->info.default_type = plan.row.default_type;
  if (!plan.row.default_type.empty()) state->recipe.constants["type"] = plan.row.default_type;
  state->recipe.ts_unit = probe.ours ? TimeUnit::kAuto : plan.row.ts_unit;
  state->recipe.time_given = true;
  state->recipe.time = plan.row.time;
  return EventReader(std::move(state));
}

Result<ItemReader> open_items(const Path& path, const ColumnMapping& mapping,
                              const ReaderOptions& options) {
  return open_records<std::vector<ItemRecord>>(RecordKind::kItems, path, mapping, options);
}

Result<UserReader> open_users(const Path& path, const ColumnMapping& mapping,
                              const ReaderOptions& options) {
  return open_records<std::vector<UserRecord>>(RecordKind::kUsers, path, mapping, options);
}

}  // namespace palate
