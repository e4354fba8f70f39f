#include "features/ranking_fields.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include <nlohmann/json.hpp>

namespace palate {
namespace {

using Json = nlohmann::json;

// Places of RankingFields::ids().
enum Field : size_t {
  kRegion,
  kLanguage,
  kAgeBand,
  kHourOfDay,
  kWeekday,
  kHistory,
  kItem,
  kCreator,
  kCategories,
  kTags,
  kItemLanguages,
  kFields
};

constexpr int64_t kHourUs = 3600 * kSecondUs;
constexpr uint32_t kHours = 24, kWeekdays = 7;
constexpr size_t kHistoryMax = 500;
constexpr uint32_t kFormat = 1;

bool is_of_user(std::string_view feature) {
  const std::string_view name = feature.substr(0, feature.find(':'));
  const auto all = features();
  const auto found = std::ranges::find(all, name, [](const Feature& f) { return f.spec.name; });
  return found != all.end() && found->spec.entity == Entity::kUser;
}

// By whose they are: of the user alone, and of candidates.
struct FeatureNames {
  std::vector<std::string> user, item;
  explicit FeatureNames(const std::vector<std::string>& all) {
    for (const std::string& name : all) (is_of_user(name) ? user : item).push_back(name);
  }
};

// Whole units of time since 1970, of times before that, too.
int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

uint32_t hour_row(TimeUs now) {
  const int64_t hour = floor_div(now.us, kHourUs) % kHours;
  return static_cast<uint32_t>(hour < 0 ? hour + kHours : hour) + 1;
}

uint32_t weekday_row(TimeUs now) {
  const int64_t day = floor_div(now.us, kDayUs) % kWeekdays;
  return static_cast<uint32_t>(day < 0 ? day + kWeekdays : day) + 1;
}

uint32_t item_row(const RankingVocabulary& vocabulary, ItemIx item) {
  return item.value < vocabulary.item_rows.size() ? vocabulary.item_rows[item.value] : 0;
}

void read_profile(const RankingVocabulary& vocabulary, const FeatureMoment& moment,
                  std::vector<std::vector<uint32_t>>& ids) {
  static const UserRecord kNone;
  const bool has = moment.user != nullptr && moment.user->has_profile;
  const UserRecord& profile = has ? moment.user->profile : kNone;
  ids[kRegion].push_back(
      vocabulary.regions.row(moment.region.empty() ? profile.region : moment.region));
  ids[kLanguage].push_back(vocabulary.languages.row(profile.language));
  ids[kAgeBand].push_back(vocabulary.age_bands.row(profile.age_band));
}

// What was liked last, the newest at the end, as sequences of a network have it.
void read_history(const RankingFields::Parts& parts, const FeatureMoment& moment,
                  std::vector<uint32_t>& ids) {
  if (moment.user == nullptr) return;
  const auto& history = moment.user->history;
  for (auto entry = history.rbegin(); entry != history.rend() && ids.size() < parts.history;
       ++entry) {
    if (entry->preference > 0) ids.push_back(item_row(parts.vocabulary, entry->item));
  }
  std::ranges::reverse(ids);
}

void read_names(const NameRows& rows, std::span<const std::string> names, size_t field,
                RankingFields::Values& values) {
  for (const std::string& name : names) values.ids[field].push_back(rows.row(name));
  values.starts[field].push_back(static_cast<uint32_t>(values.ids[field].size()));
}

void read_item(const RankingVocabulary& vocabulary, const Catalogue::View& items, ItemIx item,
               RankingFields::Values& values) {
  static const ItemRecord kNone;
  const ItemRecord& record = item.value < items.size() ? items.record(item) : kNone;
  values.ids[kItem].push_back(item_row(vocabulary, item));
  values.ids[kCreator].push_back(vocabulary.creators.row(record.creator));
  read_names(vocabulary.categories, record.categories, kCategories, values);
  read_names(vocabulary.tags, record.tags, kTags, values);
  read_names(vocabulary.item_languages, record.languages, kItemLanguages, values);
}

void read_numbers(const FeatureReader& reader, const FeatureReader::Request& request,
                  FeatureScratch& scratch, std::vector<float>& out) {
  out.resize(request.items.size() * reader.size());
  reader.read(request, out, scratch);
  for (float& x : out) x = std::asinh(x);
}

}  // namespace

NameRows::NameRows(std::vector<std::string> names) : names_(std::move(names)) {
  for (size_t i = 0; i < names_.size(); ++i) row_of_[names_[i]] = static_cast<uint32_t>(i) + 1;
}

NameRows NameRows::of_counts(const std::map<std::string, uint64_t>& counts, uint64_t least) {
  std::vector<std::pair<std::string, uint64_t>> frequent;
  for (const auto& [name, count] : counts) {
    if (count >= least && !name.empty()) frequent.emplace_back(name, count);
  }
  std::ranges::stable_sort(frequent, std::greater{}, [](const auto& one) { return one.second; });
  std::vector<std::string> names;
  names.reserve(frequent.size());
  for (auto& [name, count] : frequent) names.push_back(std::move(name));
  return NameRows(std::move(names));
}

uint32_t NameRows::row(std::string_view name) const {
  const auto found = row_of_.find(name);
  return found == row_of_.end() ? 0 : found->second;
}

Result<RankingFields> RankingFields::make(Parts parts, const EventTypes& types,
                                          const FeatureConfig& config) {
  for (const uint32_t row : parts.vocabulary.item_rows) {
    if (row >= parts.vocabulary.items) {
      return fail(Code::kInvalidArgument, "an item has row {} of {}", row, parts.vocabulary.items);
    }
  }
  if (parts.history > kHistoryMax) {
    return fail(Code::kInvalidArgument, "a history of {} items; at most {}", parts.history,
                kHistoryMax);
  }
  const FeatureNames names(parts.features);
  FeatureReader user = TRY(FeatureReader::make(names.user, types, config));
  FeatureReader item = TRY(FeatureReader::make(names.item, types, config));
  return RankingFields(std::move(parts), std::move(user), std::move(item));
}

std::vector<RankingFields::IdField> RankingFields::ids() const {
  const RankingVocabulary& of = parts_.vocabulary;
  return {{"region", true, false, of.regions.rows()},
          {"language", true, false, of.languages.rows()},
          {"age_band", true, false, of.age_bands.rows()},
          {"hour", true, false, kHours + 1},
          {"weekday", true, false, kWeekdays + 1},
          {"history", true, true, of.items},
          {"item", false, false, of.items},
          {"creator", false, false, of.creators.rows()},
          {"categories", false, true, of.categories.rows()},
          {"tags", false, true, of.tags.rows()},
          {"item_languages", false, true, of.item_languages.rows()}};
}

std::vector<RankingFields::NumberField> RankingFields::numbers() const {
  std::vector<NumberField> fields;
  if (user_.size() > 0)
    fields.push_back({"user_numbers", true, static_cast<uint32_t>(user_.size())});
  if (item_.size() > 0) {
    fields.push_back({"item_numbers", false, static_cast<uint32_t>(item_.size())});
  }
  return fields;
}

std::vector<std::vector<std::string>> RankingFields::number_names() const {
  FeatureNames names(parts_.features);
  std::vector<std::vector<std::string>> by_field;
  for (auto* one : {&names.user, &names.item}) {
    if (!one->empty()) by_field.push_back(std::move(*one));
  }
  return by_field;
}

void RankingFields::read(const FeatureReader::Request& request, Values& values,
                         Scratch& scratch) const {
  values.ids.resize(kFields);
  values.starts.resize(kFields);
  for (auto& ids : values.ids) ids.clear();
  for (const size_t field : {kHistory, kCategories, kTags, kItemLanguages}) {
    values.starts[field].assign(1, 0);
  }
  const FeatureMoment& moment = request.moment;
  read_profile(parts_.vocabulary, moment, values.ids);
  values.ids[kHourOfDay].push_back(hour_row(moment.now));
  values.ids[kWeekday].push_back(weekday_row(moment.now));
  read_history(parts_, moment, values.ids[kHistory]);
  values.starts[kHistory].push_back(static_cast<uint32_t>(values.ids[kHistory].size()));
  for (const ItemIx item : request.items) {
    read_item(parts_.vocabulary, *request.from.items, item, values);
  }
  values.numbers.resize((user_.size() > 0 ? 1 : 0) + (item_.size() > 0 ? 1 : 0));
  size_t field = 0;
  if (user_.size() > 0) {
    const ItemIx any;
    read_numbers(user_, {request.from, moment, {&any, 1}}, scratch.features,
                 values.numbers[field++]);
  }
  if (item_.size() > 0) read_numbers(item_, request, scratch.features, values.numbers[field]);
}

std::string to_json(const RankingFields::Parts& parts) {
  const RankingVocabulary& of = parts.vocabulary;
  return Json{{"format", kFormat},
              {"features", parts.features},
              {"history", parts.history},
              {"items", of.items},
              {"regions", of.regions.names()},
              {"languages", of.languages.names()},
              {"age_bands", of.age_bands.names()},
              {"creators", of.creators.names()},
              {"categories", of.categories.names()},
              {"tags", of.tags.names()},
              {"item_languages", of.item_languages.names()}}
      .dump();
}

namespace {

Result<std::vector<std::string>> names_of(const Json& json, const char* key) {
  const auto list = json.find(key);
  if (list == json.end() || !list->is_array()) {
    return fail(Code::kCorrupt, "fields of a ranker: '{}' is no list", key);
  }
  std::vector<std::string> names;
  std::unordered_set<std::string> seen;
  for (const Json& name : *list) {
    if (!name.is_string() || !seen.insert(name.get<std::string>()).second) {
      return fail(Code::kCorrupt, "fields of a ranker: '{}' has what is no text, or one twice",
                  key);
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace

Result<RankingFields::Parts> ranking_fields_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* key) -> Result<uint64_t> {
    const auto found = json.is_object() ? json.find(key) : json.end();
    if (found == json.end() || !found->is_number_unsigned()) {
      return fail(Code::kCorrupt, "fields of a ranker: '{}' is no number", key);
    }
    return found->get<uint64_t>();
  };
  if (const uint64_t format = TRY(number("format")); format > kFormat) {
    return fail(Code::kUnsupportedVersion,
                "fields of a ranker of format {}, this palate reads up to {}", format, kFormat);
  }
  RankingFields::Parts parts;
  parts.features = TRY(names_of(json, "features"));
  parts.history = TRY(number("history"));
  const uint64_t items = TRY(number("items"));
  if (items == 0 || items > UINT32_MAX) {
    return fail(Code::kCorrupt, "fields of a ranker: {} rows of items", items);
  }
  parts.vocabulary.items = static_cast<uint32_t>(items);
  const std::array<std::pair<const char*, NameRows*>, 7> lists{
      {{"regions", &parts.vocabulary.regions},
       {"languages", &parts.vocabulary.languages},
       {"age_bands", &parts.vocabulary.age_bands},
       {"creators", &parts.vocabulary.creators},
       {"categories", &parts.vocabulary.categories},
       {"tags", &parts.vocabulary.tags},
       {"item_languages", &parts.vocabulary.item_languages}}};
  for (const auto& [key, rows] : lists) *rows = NameRows(TRY(names_of(json, key)));
  return parts;
}

}  // namespace palate
