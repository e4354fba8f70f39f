#include "features/ranking_fields.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace palate {
namespace {

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

// Of an item that has one; kUnusedRow is one.
uint32_t own_row(const std::vector<uint32_t>& rows, ItemIx item) {
  return item.value < rows.size() ? rows[item.value] : 0;
}

void read_numbers(const FeatureReader& reader, const FeatureReader::Request& request,
                  FeatureScratch& scratch, std::vector<float>& out) {
  out.resize(request.items.size() * reader.size());
  reader.read(request, out, scratch);
  for (float& x : out) x = std::asinh(x);
}

}  // namespace

constexpr std::array<NamedRows, 7> kNamedRows{
    {{"regions", "region", &RankingVocabulary::regions},
     {"languages", "language", &RankingVocabulary::languages},
     {"age_bands", "age_band", &RankingVocabulary::age_bands},
     {"creators", "creator", &RankingVocabulary::creators},
     {"categories", "categories", &RankingVocabulary::categories, true},
     {"tags", "tags", &RankingVocabulary::tags, true},
     {"item_languages", "item_languages", &RankingVocabulary::item_languages, true}}};

std::span<const NamedRows> named_rows() { return kNamedRows; }

namespace {

Status check_rows(std::span<const uint32_t> rows, uint32_t limit, std::string_view what) {
  for (const uint32_t row : rows) {
    if (row < limit || row == kUnusedRow) continue;
    return fail(Code::kInvalidArgument, "an item has row {} of {} {}", row, limit, what);
  }
  return {};
}

// Rows of the fields' tables, in the order of Field, then the narrow halves.
std::vector<RankingFields::IdField> id_fields(const RankingVocabulary& of) {
  std::vector<RankingFields::IdField> fields{{"region", true},
                                             {"language", true},
                                             {"age_band", true},
                                             {"hour", true, false, kHours + 1},
                                             {"weekday", true, false, kWeekdays + 1},
                                             {"history", true, true},
                                             {"item"},
                                             {"creator"},
                                             {"categories", false, true},
                                             {"tags", false, true},
                                             {"item_languages", false, true}};
  const auto find = [&](std::string_view name) {
    return std::ranges::find(fields, name, &RankingFields::IdField::name);
  };
  const auto sums = [](RankingFields::IdField& field, const RareRows& rare) {
    if (!field.many && rare.sums()) field.many = field.sum = true;
  };
  for (const NamedRows& one : kNamedRows) {
    find(one.field)->rows = (of.*one.rows).rows();
    sums(*find(one.field), (of.*one.rows).rare());
  }
  find("item")->rows = of.items + of.item_rare.rows;
  sums(*find("item"), of.item_rare);
  find("history")->rows = (of.history_items > 0 ? of.history_items : of.items) + of.item_rare.rows;
  const auto add_narrow = [&](std::string_view name, size_t rows) {
    const RankingFields::IdField wide = *find(name);
    fields.push_back({wide.name + std::string(kNarrowSuffix), wide.of_request, wide.many,
                      static_cast<uint32_t>(rows)});
  };
  for (const NamedRows& one : kNamedRows) {
    const size_t narrow = (of.*one.rows).narrow().size();
    if (narrow > 0) add_narrow(one.field, narrow + 1);
  }
  if (of.items_narrow > 1) add_narrow("item", of.items_narrow);
  return fields;
}

}  // namespace

RankingFields::RankingFields(Parts parts, FeatureReader user, FeatureReader item)
    : parts_(std::move(parts)),
      ids_(id_fields(parts_.vocabulary)),
      narrow_at_(kFields, SIZE_MAX),
      user_(std::move(user)),
      item_(std::move(item)) {
  for (size_t at = kFields; at < ids_.size(); ++at) {
    const std::string_view name = ids_[at].name;
    const auto wide =
        std::ranges::find(ids_, name.substr(0, name.size() - kNarrowSuffix.size()), &IdField::name);
    narrow_at_[static_cast<size_t>(wide - ids_.begin())] = at;
  }
}

// Puts what is read of a request into the columns.
class RankingFields::Filler {
 public:
  Filler(const RankingFields& fields, Values& values)
      : fields_(fields), of_(fields.parts_.vocabulary), values_(values) {
    values_.ids.resize(fields.ids_.size());
    values_.starts.resize(fields.ids_.size());
    for (size_t f = 0; f < fields.ids_.size(); ++f) {
      values_.ids[f].clear();
      values_.starts[f].clear();
      if (fields.ids_[f].many) values_.starts[f].push_back(0);
    }
  }

  void moment(const FeatureMoment& moment) {
    static const UserRecord kNone;
    const bool has = moment.user != nullptr && moment.user->has_profile;
    const UserRecord& profile = has ? moment.user->profile : kNone;
    name(of_.regions, moment.region.empty() ? profile.region : moment.region, kRegion);
    name(of_.languages, profile.language, kLanguage);
    name(of_.age_bands, profile.age_band, kAgeBand);
    values_.ids[kHourOfDay].push_back(hour_row(moment.now));
    values_.ids[kWeekday].push_back(weekday_row(moment.now));
  }

  // What was liked last, the newest at the end, as sequences of a network have it.
  void history(const FeatureMoment& moment, const Catalogue::View& items) {
    auto& ids = values_.ids[kHistory];
    if (moment.user != nullptr) {
      const auto& history = moment.user->history;
      for (auto entry = history.rbegin();
           entry != history.rend() && ids.size() < fields_.parts_.history; ++entry) {
        if (entry->preference > 0) ids.push_back(history_row(items, entry->item));
      }
      std::ranges::reverse(ids);
    }
    values_.starts[kHistory].push_back(static_cast<uint32_t>(ids.size()));
  }

  void item(const Catalogue::View& items, ItemIx item) {
    static const ItemRecord kNone;
    const ItemRecord& record = item.value < items.size() ? items.record(item) : kNone;
    const uint32_t own = own_row(of_.item_rows, item);
    IdRows rows{{own == kUnusedRow ? 0 : own, 0}, 1};
    if (own == 0 && of_.item_rare.rows > 0 && !record.id.empty()) {
      rows = of_.item_rare.rows_of(record.id);
      for (uint32_t i = 0; i < rows.count; ++i) rows.row[i] += of_.items;
    }
    one(rows, own_row(of_.item_narrow, item), kItem);
    name(of_.creators, record.creator, kCreator);
    names(of_.categories, record.categories, kCategories);
    names(of_.tags, record.tags, kTags);
    names(of_.item_languages, record.languages, kItemLanguages);
  }

 private:
  uint32_t history_row(const Catalogue::View& items, ItemIx item) const {
    const bool apart = of_.history_items > 0;
    const uint32_t own = own_row(apart ? of_.history_rows : of_.item_rows, item);
    if (own == kUnusedRow) return 0;
    if (own > 0 || of_.item_rare.rows == 0 || item.value >= items.size()) return own;
    return (apart ? of_.history_items : of_.items) + of_.item_rare.row_of(items.record(item).id);
  }

  // The rows of a field of one id.
  void one(const IdRows& rows, uint32_t narrow, size_t field) {
    auto& ids = values_.ids[field];
    ids.insert(ids.end(), rows.all().begin(), rows.all().end());
    if (fields_.ids_[field].many) end(field);
    if (const size_t at = fields_.narrow_at_[field]; at != SIZE_MAX) {
      values_.ids[at].push_back(narrow);
    }
  }
  void name(const NameRows& rows, std::string_view name, size_t field) {
    one(rows.rows_of(name), rows.narrow_row(name), field);
  }
  // Of a field of any number of ids.
  void names(const NameRows& rows, std::span<const std::string> names, size_t field) {
    for (const std::string& name : names) values_.ids[field].push_back(rows.row_of(name));
    end(field);
    const size_t at = fields_.narrow_at_[field];
    if (at == SIZE_MAX) return;
    for (const std::string& name : names) values_.ids[at].push_back(rows.narrow_row(name));
    end(at);
  }
  void end(size_t field) {
    values_.starts[field].push_back(static_cast<uint32_t>(values_.ids[field].size()));
  }

  const RankingFields& fields_;
  const RankingVocabulary& of_;
  Values& values_;
};

Result<RankingFields> RankingFields::make(Parts parts, const EventTypes& types,
                                          const FeatureConfig& config) {
  const RankingVocabulary& of = parts.vocabulary;
  TRY(check_rows(of.item_rows, of.items, "of items"));
  TRY(check_rows(of.item_narrow, of.items_narrow, "of the narrow table"));
  TRY(check_rows(of.history_rows, of.history_items, "of histories"));
  if (parts.history > kHistoryMax) {
    return fail(Code::kInvalidArgument, "a history of {} items; at most {}", parts.history,
                kHistoryMax);
  }
  const FeatureNames names(parts.features);
  FeatureReader user = TRY(FeatureReader::make(names.user, types, config));
  FeatureReader item = TRY(FeatureReader::make(names.item, types, config));
  return RankingFields(std::move(parts), std::move(user), std::move(item));
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
  Filler fill(*this, values);
  const FeatureMoment& moment = request.moment;
  fill.moment(moment);
  fill.history(moment, *request.from.items);
  for (const ItemIx item : request.items) fill.item(*request.from.items, item);
  values.numbers.resize((user_.size() > 0 ? 1 : 0) + (item_.size() > 0 ? 1 : 0));
  size_t field = 0;
  if (user_.size() > 0) {
    const ItemIx any;
    read_numbers(user_, {request.from, moment, {&any, 1}}, scratch.features,
                 values.numbers[field++]);
  }
  if (item_.size() > 0) read_numbers(item_, request, scratch.features, values.numbers[field]);
}

}  // namespace palate
