#include "lake/manifest.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "lake/sealed_json.h"

namespace palate::lake {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char*, 5> kAccountFields = {"read", "duplicates", "expired", "forgotten",
                                                       "erased"};
using AccountMember = uint64_t Account::*;
constexpr std::array<AccountMember, 5> kAccountMembers = {
    &Account::read, &Account::duplicates, &Account::expired, &Account::forgotten, &Account::erased};

// ---- out -----------------------------------------------------------------------------------

Json positions_json(const AsOf& as_of) {
  Json list = Json::array();
  for (const Position& position : as_of) list.push_back(to_string(position));
  return list;
}

Json file_json(const LakeFile& file) {
  Json ranges = Json::array();
  for (const PositionRange& range : file.positions) {
    ranges.push_back({range.partition, range.first, range.last});
  }
  Json json{{"path", file.path},
            {"zone", kZoneNames[static_cast<size_t>(file.zone)]},
            {"rows", file.rows},
            {"bytes", file.bytes},
            {"checksum", file.checksum},
            {"schema", file.schema},
            {"positions", std::move(ranges)}};
  if (!has_days(file.zone)) return json;
  json["day"] = file.part.day;
  json["region"] = file.part.region;
  json["ts_min"] = file.ts_min;
  json["ts_max"] = file.ts_max;
  json["client_ids"] = file.client_ids;
  json["types"] = file.types;
  return json;
}

Json accounts_json(const Manifest& manifest) {
  Json accounts = Json::object();
  for (size_t zone = 0; zone < kZoneNames.size(); ++zone) {
    Json account = Json::object();
    for (size_t i = 0; i < kAccountFields.size(); ++i) {
      account[kAccountFields[i]] = manifest.accounts[zone].*kAccountMembers[i];
    }
    accounts[std::string(kZoneNames[zone])] = std::move(account);
  }
  return accounts;
}

Json forgot_json(const Forgot& forgot) {
  return {{"user_digest", forgot.user_digest}, {"asked", forgot.asked}, {"rows", forgot.rows}};
}

// ---- in ------------------------------------------------------------------------------------

Result<AsOf> positions_from(const Json& object, const char* key) {
  AsOf as_of;
  for (const Json& text : *TRY(list_of(object, key))) {
    const auto position = text.is_string() ? parse_position(text.get<std::string>()) : std::nullopt;
    if (!position) return fail(Code::kCorrupt, "the field '{}' holds what is no position", key);
    as_of.push_back(*position);
  }
  return as_of;
}

Result<std::vector<PositionRange>> ranges_from(const Json& object) {
  std::vector<PositionRange> ranges;
  for (const Json& range : *TRY(list_of(object, "positions"))) {
    const bool good =
        range.is_array() && range.size() == 3 &&
        std::ranges::all_of(range, [](const Json& n) { return n.is_number_unsigned(); });
    if (!good || range[0].get<uint64_t>() > UINT32_MAX || range[1] > range[2]) {
      return fail(Code::kCorrupt, "the field 'positions' holds what is no range");
    }
    ranges.push_back(
        {range[0].get<uint32_t>(), range[1].get<uint64_t>(), range[2].get<uint64_t>()});
  }
  return ranges;
}

// Where a path leads nobody out of the lake.
bool good_path(std::string_view path) {
  return !path.empty() && path.front() != '/' && path.find("..") == std::string_view::npos &&
         path.find('\0') == std::string_view::npos && path.ends_with(".parquet");
}

Status day_fields_from(const Json& json, LakeFile& file) {
  file.part.day = TRY(integer(json, "day"));
  file.part.region = TRY(text_of(json, "region"));
  file.ts_min = TRY(integer(json, "ts_min"));
  file.ts_max = TRY(integer(json, "ts_max"));
  file.client_ids = TRY(whole_number(json, "client_ids"));
  const auto types = json.find("types");
  if (types == json.end() || !types->is_object()) {
    return fail(Code::kCorrupt, "the field 'types' is missing or no object");
  }
  for (const auto& [name, count] : types->items()) {
    if (!count.is_number_unsigned()) return fail(Code::kCorrupt, "the field 'types' is wrong");
    file.types[name] = count.get<uint64_t>();
  }
  if (!file.part.region.empty() && !good_region(file.part.region)) {
    return fail(Code::kCorrupt, "'{}' is no region", file.part.region);
  }
  return {};
}

Result<LakeFile> file_from(const Json& json) {
  LakeFile file;
  file.path = TRY(text_of(json, "path"));
  if (!good_path(file.path)) return fail(Code::kCorrupt, "'{}' is no file's path", file.path);
  const auto zone = zone_named(TRY(text_of(json, "zone")));
  if (!zone) return fail(Code::kCorrupt, "the field 'zone' names none");
  file.zone = *zone;
  file.rows = TRY(whole_number(json, "rows"));
  file.bytes = TRY(whole_number(json, "bytes"));
  file.checksum = TRY(text_of(json, "checksum"));
  file.schema = TRY(text_of(json, "schema"));
  file.positions = TRY(ranges_from(json));
  if (has_days(file.zone)) TRY(day_fields_from(json, file));
  return file;
}

Status files_from(const Json& object, Manifest& manifest) {
  const Json& list = *TRY(list_of(object, "files"));
  if (list.size() > kFilesMax)
    return fail(Code::kCorrupt, "it names more than {} files", kFilesMax);
  std::set<std::string> paths;
  for (const Json& json : list) {
    manifest.files.push_back(TRY(file_from(json)));
    if (!paths.insert(manifest.files.back().path).second) {
      return fail(Code::kCorrupt, "it names {} twice", manifest.files.back().path);
    }
  }
  for (const Json& json : *TRY(list_of(object, "retired"))) {
    RetiredFile file{TRY(text_of(json, "path")), TRY(integer(json, "since_us"))};
    if (!good_path(file.path)) return fail(Code::kCorrupt, "'{}' is no file's path", file.path);
    manifest.retired.push_back(std::move(file));
  }
  return {};
}

Status accounts_from(const Json& object, Manifest& manifest) {
  const auto accounts = object.find("accounts");
  if (accounts == object.end() || !accounts->is_object()) {
    return fail(Code::kCorrupt, "the field 'accounts' is missing or no object");
  }
  for (size_t zone = 0; zone < kZoneNames.size(); ++zone) {
    const auto account = accounts->find(std::string(kZoneNames[zone]));
    if (account == accounts->end())
      return fail(Code::kCorrupt, "the field 'accounts' lacks a zone");
    for (size_t i = 0; i < kAccountFields.size(); ++i) {
      // The first lakes did not count what was erased.
      if (kAccountMembers[i] == &Account::erased && !account->contains("erased")) continue;
      manifest.accounts[zone].*kAccountMembers[i] = TRY(whole_number(*account, kAccountFields[i]));
    }
  }
  return {};
}

Status forgot_from(const Json& object, Manifest& manifest) {
  for (const Json& json : *TRY(list_of(object, "forgot"))) {
    Forgot forgot{TRY(text_of(json, "user_digest")), TRY(text_of(json, "asked")), {}};
    const Json& rows = *TRY(list_of(json, "rows"));
    if (rows.size() != forgot.rows.size()) return fail(Code::kCorrupt, "the field 'rows' is wrong");
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].is_number_unsigned()) return fail(Code::kCorrupt, "the field 'rows' is wrong");
      forgot.rows[i] = rows[i].get<uint64_t>();
    }
    manifest.forgot.push_back(std::move(forgot));
  }
  return {};
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  Json files = Json::array();
  for (const LakeFile& file : manifest.files) files.push_back(file_json(file));
  Json retired = Json::array();
  for (const RetiredFile& file : manifest.retired) {
    retired.push_back({{"path", file.path}, {"since_us", file.since_us}});
  }
  Json forgot = Json::array();
  for (const Forgot& one : manifest.forgot) forgot.push_back(forgot_json(one));
  return seal({{"format", kLakeFormat},
               {"number", manifest.number},
               {"created", manifest.created},
               {"tenant", manifest.tenant},
               {"key_check", manifest.key_check},
               {"region_key", manifest.region_key},
               {"as_of", positions_json(manifest.as_of)},
               {"from", positions_json(manifest.from)},
               {"skipped", manifest.skipped},
               {"received_max", manifest.received_max},
               {"accounts", accounts_json(manifest)},
               {"files", std::move(files)},
               {"retired", std::move(retired)},
               {"forgot", std::move(forgot)}});
}

Result<Manifest> manifest_from_json(std::string_view text) {
  const Json json = TRY(unseal(text, kLakeFormat));
  Manifest manifest;
  manifest.number = TRY(whole_number(json, "number"));
  manifest.created = TRY(text_of(json, "created"));
  manifest.tenant = TRY(text_of(json, "tenant"));
  manifest.key_check = TRY(text_of(json, "key_check"));
  manifest.region_key = TRY(text_of(json, "region_key"));
  manifest.as_of = TRY(positions_from(json, "as_of"));
  manifest.from = TRY(positions_from(json, "from"));
  manifest.skipped = TRY(whole_number(json, "skipped"));
  manifest.received_max = TRY(integer(json, "received_max"));
  TRY(accounts_from(json, manifest));
  TRY(files_from(json, manifest));
  TRY(forgot_from(json, manifest));
  return manifest;
}

std::string current_line(uint64_t number) {
  const std::string name = fmt::format("{:06}", number);
  return fmt::format("{} {:08x}\n", name, static_cast<uint32_t>(hash64(name)));
}

uint64_t current_number(std::string_view line) {
  constexpr size_t kDigitsMax = 18;
  uint64_t number = 0;
  size_t digits = 0;
  for (; digits < line.size() && line[digits] >= '0' && line[digits] <= '9'; ++digits) {
    if (digits == kDigitsMax) return 0;
    number = number * 10 + static_cast<uint64_t>(line[digits] - '0');
  }
  return line == current_line(number) ? number : 0;
}

uint64_t offset_of(const AsOf& as_of, Stream stream, uint32_t partition) {
  for (const Position& position : as_of) {
    if (position.stream == stream && position.partition == partition) return position.offset;
  }
  return 0;
}

void set_offset(AsOf& as_of, const Position& end) {
  for (Position& position : as_of) {
    if (position.stream != end.stream || position.partition != end.partition) continue;
    position.offset = end.offset;
    return;
  }
  as_of.insert(std::ranges::upper_bound(as_of, end), end);
}

}  // namespace palate::lake
