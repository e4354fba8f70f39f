#include "lake/tombstones.h"

#include <algorithm>
#include <tuple>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "lake/sealed_json.h"

namespace palate::lake {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFolder = "tombstones";
constexpr std::string_view kRecord = "forgotten.json";
constexpr size_t kTombstoneBytesMax = 1 << 20;
constexpr size_t kRecordBytesMax = size_t{64} << 20;

Result<Forgotten> entry_from(const Json& json) {
  Forgotten entry;
  entry.manifest = TRY(whole_number(json, "manifest"));
  entry.gone = TRY(text_of(json, "gone"));
  entry.what.user_digest = TRY(text_of(json, "user_digest"));
  entry.what.asked = TRY(text_of(json, "asked"));
  for (size_t zone = 0; zone < kZoneNames.size(); ++zone) {
    const std::string field = fmt::format("{}_rows", kZoneNames[zone]);
    entry.what.rows[zone] = TRY(whole_number(json, field.c_str()));
  }
  return entry;
}

}  // namespace

std::string to_json(const Tombstone& tombstone) {
  Json before = Json::array();
  for (const Position& position : tombstone.before) before.push_back(to_string(position));
  return seal({{"format", kTombstoneFormat},
               {"user", hex_of(tombstone.user)},
               {"asked", tombstone.asked},
               {"before", std::move(before)}});
}

Result<Tombstone> tombstone_from_json(std::string_view text) {
  const Json json = TRY(unseal(text, kTombstoneFormat));
  Tombstone tombstone;
  const auto user = user_from_hex(TRY(text_of(json, "user")));
  if (!user) return fail(Code::kCorrupt, "the field 'user' is no pseudonym");
  tombstone.user = *user;
  tombstone.asked = TRY(text_of(json, "asked"));
  for (const Json& position : *TRY(list_of(json, "before"))) {
    const auto at =
        position.is_string() ? parse_position(position.get<std::string>()) : std::nullopt;
    if (!at) return fail(Code::kCorrupt, "the field 'before' holds what is no position");
    tombstone.before.push_back(*at);
  }
  return tombstone;
}

Status write_tombstone(const Path& lake, const Tombstone& tombstone) {
  const Path folder = lake / kFolder;
  TRY(make_directories(folder));
  const std::string text = to_json(tombstone);
  const std::string name = fmt::format("{}.json", to_hex(hash128(text)));
  return write_file_atomically(folder / name, text);
}

Result<std::vector<StoredTombstone>> read_tombstones(const Path& lake) {
  std::vector<StoredTombstone> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(lake / kFolder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const Path path = entry->path();
    if (path.extension() != ".json" || is_temporary_name(path.filename().string())) continue;
    const auto text = read_file(path, kTombstoneBytesMax);
    if (!text && text.error().code == Code::kNotFound) continue;  // a compaction was faster
    if (!text) return std::unexpected(text.error());
    auto tombstone = tombstone_from_json(*text);
    if (!tombstone) {
      return fail(
          tombstone.error().code,
          "{}: {}. Somebody asked to be forgotten by this file: forget the user again, then "
          "remove it",
          path.string(), tombstone.error().message);
    }
    if (found.size() == kTombstonesMax) {
      return fail(Code::kOverloaded, "{} holds more than {} tombstones; run palate lake compact",
                  (lake / kFolder).string(), kTombstonesMax);
    }
    found.push_back({path, std::move(*tombstone)});
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return std::unexpected(errno_error(error.value(), "list", lake / kFolder));
  }
  std::ranges::sort(found, [](const StoredTombstone& a, const StoredTombstone& b) {
    return std::tie(a.tombstone.asked, a.path) < std::tie(b.tombstone.asked, b.path);
  });
  return found;
}

std::string to_json(const std::vector<Forgotten>& record) {
  Json list = Json::array();
  for (const Forgotten& entry : record) {
    Json json{{"manifest", entry.manifest},
              {"user_digest", entry.what.user_digest},
              {"asked", entry.what.asked},
              {"gone", entry.gone}};
    for (size_t zone = 0; zone < kZoneNames.size(); ++zone) {
      json[fmt::format("{}_rows", kZoneNames[zone])] = entry.what.rows[zone];
    }
    list.push_back(std::move(json));
  }
  return seal({{"format", kForgottenFormat}, {"forgotten", std::move(list)}});
}

Result<std::vector<Forgotten>> forgotten_from_json(std::string_view text) {
  const Json json = TRY(unseal(text, kForgottenFormat));
  std::vector<Forgotten> record;
  for (const Json& entry : *TRY(list_of(json, "forgotten"))) {
    record.push_back(TRY(entry_from(entry)));
  }
  return record;
}

Result<std::vector<Forgotten>> read_forgotten(const Path& lake) {
  const Path path = lake / kRecord;
  const auto text = read_file(path, kRecordBytesMax);
  if (!text && text.error().code == Code::kNotFound) return std::vector<Forgotten>{};
  if (!text) return std::unexpected(text.error());
  auto record = forgotten_from_json(*text);
  if (!record) return std::unexpected(record.error().within(path.string()));
  return record;
}

Status record_forgotten(const Path& lake, const Manifest& manifest) {
  if (manifest.forgot.empty()) return {};
  auto record = TRY(read_forgotten(lake));
  if (!record.empty() && record.back().manifest >= manifest.number) return {};
  for (const Forgot& forgot : manifest.forgot) {
    record.push_back({manifest.number, manifest.created, forgot});
  }
  if (record.size() > kForgottenMax) {
    record.erase(record.begin(), record.end() - static_cast<ptrdiff_t>(kForgottenMax));
  }
  return write_file_atomically(lake / kRecord, to_json(record));
}

TombstoneFilter::TombstoneFilter(std::span<const StoredTombstone> tombstones) {
  for (const auto& [path, tombstone] : tombstones) {
    users_[tombstone.user].push_back({static_cast<int>(digests_.size()), tombstone.before});
    digests_.push_back({digest_of(tombstone.user), tombstone.asked, {}});
  }
}

int TombstoneFilter::find(const Hash128& user, const Position& at) const {
  if (users_.empty()) return -1;
  const auto found = users_.find(UserId{user.words});
  if (found == users_.end()) return -1;
  for (const Entry& entry : found->second) {
    const bool gone =
        entry.before.empty() || at.offset < offset_of(entry.before, at.stream, at.partition);
    if (gone) return entry.place;
  }
  return -1;
}

int TombstoneFilter::find(Zone zone, const Table& table, size_t row) const {
  const auto user = user_column(zone);
  if (users_.empty() || !user) return -1;
  const auto [partition, offset] = position_columns(zone);
  return find(table.columns[*user].ids[row],
              {zone == Zone::kUsers ? Stream::kUsers : Stream::kEvents,
               static_cast<uint32_t>(table.columns[partition].integers[row]),
               static_cast<uint64_t>(table.columns[offset].integers[row])});
}

}  // namespace palate::lake
