// A dataset as an artefact, and back (docs/formats/dataset.md).
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "artefact/manifest.h"
#include "base/version.h"
#include "dataset/dataset.h"
#include "dataset/dataset_state.h"

namespace palate {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kKind = "dataset";
constexpr uint32_t kDatasetFormat = 2;  // 1: without dictionaries
constexpr std::array<std::string_view, 3> kTimeNames{"none", "order", "real"};
constexpr size_t kRowBytes = 32;

// Rows lie in the file as they lie in memory.
static_assert(sizeof(HistoryEntry) == kRowBytes && std::is_trivially_copyable_v<HistoryEntry>);
static_assert(offsetof(HistoryEntry, item) == 0 && offsetof(HistoryEntry, type) == 4);
static_assert(offsetof(HistoryEntry, value) == 8 && offsetof(HistoryEntry, preference) == 12);
static_assert(offsetof(HistoryEntry, ts) == 16 && offsetof(HistoryEntry, offset) == 24);
static_assert(sizeof(UserId) == 16);

struct Details {
  uint64_t format = 1;
  TimeKind time = TimeKind::kNone;
  uint64_t users = 0, interactions = 0;
};

Result<Details> parse_details(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* key) -> std::optional<uint64_t> {
    const auto field = json.find(key);
    if (field == json.end() || !field->is_number_unsigned()) return std::nullopt;
    return field->get<uint64_t>();
  };
  const auto format = number("dataset_format"), users = number("users"),
             interactions = number("interactions");
  if (format && *format > kDatasetFormat) {
    return fail(Code::kUnsupportedVersion,
                "a dataset of format {}, this version of palate reads up to {}; build it again",
                *format, kDatasetFormat);
  }
  const auto time = json.find("time");
  const auto named = std::find_if(kTimeNames.begin(), kTimeNames.end(), [&](std::string_view name) {
    return time != json.end() && *time == name;
  });
  if (!format || !users || !interactions || named == kTimeNames.end()) {
    return fail(Code::kCorrupt, "details lack dataset_format, users, interactions or time");
  }
  return Details{*format, static_cast<TimeKind>(named - kTimeNames.begin()), *users, *interactions};
}

Result<uint64_t> parse_hex(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.size() != 16) {
    return fail(Code::kCorrupt, "event_types is not 16 hex digits");
  }
  return value;
}

std::vector<uint16_t> type_numbers(std::span<const EventTypeId> types) {
  std::vector<uint16_t> numbers;
  for (const EventTypeId type : types) numbers.push_back(type.value);
  return numbers;
}

// Ascending; none where the dataset was written before there were any.
Result<std::vector<EventTypeId>> parse_rating_types(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto list = json.find("rating_types");
  std::vector<EventTypeId> types;
  if (list == json.end()) return types;
  for (const Json& number : *list) {
    if (!number.is_number_unsigned() || number > 0xffff) {
      return fail(Code::kCorrupt, "details.rating_types holds what is no event type");
    }
    types.push_back({number.get<uint16_t>()});
  }
  std::ranges::sort(types);
  return types;
}

// What readers of the spans rely on: starts ascend and end with the rows, items are in range.
Status check_rows(std::span<const uint64_t> row_start, std::span<const HistoryEntry> rows,
                  uint64_t items) {
  if (row_start.empty() || row_start.front() != 0 || row_start.back() != rows.size()) {
    return fail(Code::kCorrupt, "row_start does not cover the rows");
  }
  if (!std::is_sorted(row_start.begin(), row_start.end())) {
    return fail(Code::kCorrupt, "row_start descends");
  }
  uint32_t item_max = 0;
  for (const auto& row : rows) item_max = std::max(item_max, row.item.value);
  if (!rows.empty() && item_max >= items) {
    return fail(Code::kCorrupt, "a row names item {} of {}", item_max, items);
  }
  return {};
}

template <class T>
Result<std::span<const T>> structs(const Artefact& artefact, std::string_view name, DType type) {
  const auto view = TRY(artefact.tensor(name, type, 2));
  const uint64_t width = sizeof(T) / dtype_bytes(type);
  if (view.shape[1] != width) {
    return fail(Code::kCorrupt, "tensor '{}' is {} wide, expected {}", name, view.shape[1], width);
  }
  return std::span(reinterpret_cast<const T*>(view.bytes.data()), view.shape[0]);
}

}  // namespace

// What format 2 has beside the rows.
Status Dataset::State::load_dictionaries() {
  user_hash = TRY(PerfectHash::view(TRY(artefact->vector<uint64_t>("user_hash"))));
  user_order = TRY(artefact->vector<uint32_t>("user_order"));
  if (user_hash.size() != user_ids.size() || user_order.size() != user_ids.size()) {
    return fail(Code::kCorrupt, "the dictionary of users has {} users, expected {}",
                user_hash.size(), user_ids.size());
  }
  if (!artefact->manifest().checksums.contains(std::string(kItemNamesFile))) return {};
  names = TRY(Dictionary::open(artefact->path() / kItemNamesFile, Dictionary::Verify::kNo));
  if (names->size() != items) {
    return fail(Code::kCorrupt, "{} has {} items, expected {}", kItemNamesFile, names->size(),
                items);
  }
  return {};
}

Status Dataset::save(const Path& path) const {
  auto writer = TRY(ArtefactWriter::create(path));
  auto& manifest = writer.manifest;
  manifest.kind = kKind;
  manifest.code_version = version();
  manifest.items = items();
  manifest.dictionary = dictionary_hash();
  manifest.event_types = fmt::format("{:016x}", event_types());
  manifest.as_of_json = as_of_to_json(as_of());
  // Not when it was made: the same log gives the same bytes.
  manifest.details_json = Json{{"dataset_format", kDatasetFormat},
                               {"users", users()},
                               {"interactions", interactions()},
                               {"rating_types", type_numbers(rating_types())},
                               {"time", kTimeNames[static_cast<size_t>(time())]}}
                              .dump();
  writer.add("row_start", {users() + 1}, state_->row_start);
  writer.add("rows", DType::kU8, {interactions(), kRowBytes}, std::as_bytes(state_->rows));
  writer.add("user_ids", DType::kU64, {users(), 2}, std::as_bytes(state_->user_ids));
  writer.add("user_hash", {state_->user_hash.words().size()}, state_->user_hash.words());
  writer.add("user_order", {state_->user_order.size()}, state_->user_order);
  if (has_item_names()) {
    TRY(write_item_names(writer.path_of(kItemNamesFile)));
    TRY(writer.add_written(kItemNamesFile));
  }
  return writer.commit();
}

Result<Dataset> Dataset::open(const Path& path) {
  auto state = std::make_shared<State>();
  state->artefact = TRY(Artefact::open(path));
  const auto& artefact = *state->artefact;
  const auto& manifest = artefact.manifest();
  if (manifest.kind != kKind) {
    return fail(Code::kInvalidArgument, "{} is an artefact of kind '{}', not a dataset",
                path.string(), manifest.kind);
  }
  const auto load = [&]() -> Status {
    const auto details = TRY(parse_details(manifest.details_json));
    state->time = details.time;
    state->rating_types = TRY(parse_rating_types(manifest.details_json));
    state->items = manifest.items;
    state->dictionary_hash = manifest.dictionary;
    state->event_types = TRY(parse_hex(manifest.event_types));
    state->as_of = TRY(as_of_from_json(manifest.as_of_json));
    state->row_start = TRY(artefact.vector<uint64_t>("row_start"));
    state->rows = TRY(structs<HistoryEntry>(artefact, "rows", DType::kU8));
    state->user_ids = TRY(structs<UserId>(artefact, "user_ids", DType::kU64));
    if (state->user_ids.size() != details.users || state->rows.size() != details.interactions ||
        state->row_start.size() != details.users + 1) {
      return fail(Code::kCorrupt, "tensors do not have the sizes that the manifest says");
    }
    if (details.format > 1) TRY(state->load_dictionaries());
    return check_rows(state->row_start, state->rows, manifest.items);
  };
  if (auto loaded = load(); !loaded) return std::unexpected(loaded.error().within(path.string()));
  return Dataset(std::move(state));
}

}  // namespace palate
