#include "dataset/example_vocabulary.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "events/block.h"

namespace palate {
namespace {

using Uses = std::map<std::string, IdUse>;

void add(IdUse& to, uint64_t times, int64_t newest_us) {
  to.times += times;
  if (times > 0) to.newest_us = std::max(to.newest_us, newest_us);
}

// The uses of a field's names.
Uses& uses_of(ExampleIds& ids, std::string_view field) {
  const auto all = named_rows();
  const auto found = std::ranges::find(
      all, field, [](const NamedRows& one) { return std::string_view(one.field); });
  return ids.names[static_cast<size_t>(found - all.begin())];
}

}  // namespace

ExampleIds count_ids(const Impressions& shown, TimeUs held_out_from, const Catalogue::View& items) {
  ExampleIds ids;
  ids.items.resize(items.size());
  ids.names.resize(named_rows().size());
  size_t row = 0;
  for (const Impressions::Slate& slate : shown.slates) {
    for (uint32_t i = 0; i < slate.rows; ++i, ++row) {
      if (slate.ts >= held_out_from) continue;
      add(ids.items[shown.rows[row].item.value], 1, slate.ts.us);
    }
  }
  Uses &creators = uses_of(ids, "creator"), &categories = uses_of(ids, "categories");
  Uses &tags = uses_of(ids, "tags"), &languages = uses_of(ids, "item_languages");
  for (uint32_t item = 0; item < items.size(); ++item) {
    const auto& [times, newest_us] = ids.items[item];
    const ItemRecord& record = items.record({item});
    add(creators[record.creator], times, newest_us);
    for (const auto& [names, uses] : {std::pair{&record.categories, &categories},
                                      {&record.tags, &tags},
                                      {&record.languages, &languages}}) {
      for (const std::string& name : *names) add((*uses)[name], times, newest_us);
    }
  }
  return ids;
}

Status count_profiles(const Impressions& shown, TimeUs held_out_from, const EventLog& log,
                      ExampleIds& ids) {
  std::map<std::string, IdUse, std::less<>> shown_to;
  for (const Impressions::Slate& slate : shown.slates) {
    if (slate.ts < held_out_from) add(shown_to[shown.users[slate.user]], slate.rows, slate.ts.us);
  }
  std::map<std::string, UserRecord> newest;
  TRY(log.read({Stream::kUsers, 0, 0}, [&](const EventLog::Block& block) -> Status {
    for (UserRecord& user : TRY(decode_users(block.bytes))) {
      if (shown_to.contains(user.id)) newest[user.id] = std::move(user);
    }
    return {};
  }));
  Uses &regions = uses_of(ids, "region"), &languages = uses_of(ids, "language");
  Uses& age_bands = uses_of(ids, "age_band");
  for (const auto& [name, profile] : newest) {
    const auto& [times, newest_us] = shown_to.find(name)->second;
    add(regions[profile.region], times, newest_us);
    add(languages[profile.language], times, newest_us);
    add(age_bands[profile.age_band], times, newest_us);
  }
  return {};
}

Result<Admission> admission_of(const ExamplesConfig& config, TimeUs now) {
  const auto rare = parse_rare(config.rare);
  if (!rare) {
    return fail(Code::kInvalidArgument, "examples.rare: there is no rule '{}'", config.rare);
  }
  Admission admission{.least = static_cast<uint64_t>(config.vocabulary_min),
                      .rare = *rare,
                      .rare_rows = static_cast<uint32_t>(config.rare_rows),
                      .narrow_least = static_cast<uint64_t>(config.rare_min)};
  if (config.expire_days > 0) admission.oldest_us = now.us - config.expire_days * kDayUs;
  return admission;
}

RankingVocabulary vocabulary_of(const ExampleIds& ids, const Catalogue::View& items,
                                const Admission& admission) {
  RankingVocabulary vocabulary;
  vocabulary.item_rows.resize(items.size());
  std::vector<uint32_t> narrow(items.size());
  uint64_t rare = 0;
  for (uint32_t item = 0; item < items.size(); ++item) {
    const IdUse& use = ids.items[item];
    if (admission.own(use)) {
      vocabulary.item_rows[item] = vocabulary.items++;
      continue;
    }
    rare += use.times > 0 ? 1 : 0;
    if (admission.narrow(use)) narrow[item] = vocabulary.items_narrow++;
  }
  vocabulary.item_rare = RareRows::of(admission, rare);
  if (vocabulary.items_narrow > 1) vocabulary.item_narrow = std::move(narrow);
  for (size_t i = 0; i < named_rows().size(); ++i) {
    vocabulary.*named_rows()[i].rows = NameRows::of_uses(ids.names[i], admission);
  }
  return vocabulary;
}

std::vector<FieldChoices> field_choices(const ExampleIds& ids, const Catalogue::View& items,
                                        const Admission& admission) {
  Uses of_items;
  for (uint32_t item = 0; item < ids.items.size(); ++item) {
    of_items[items.record({item}).id] = ids.items[item];
  }
  std::vector<FieldChoices> choices{{"item", row_choices(of_items, Reads::kOne, admission)}};
  for (size_t i = 0; i < named_rows().size(); ++i) {
    const Reads reads = named_rows()[i].many ? Reads::kBag : Reads::kOne;
    choices.push_back({named_rows()[i].field, row_choices(ids.names[i], reads, admission)});
  }
  return choices;
}

nlohmann::ordered_json json_of(const std::vector<FieldChoices>& choices, int width,
                               int narrow_width) {
  const auto wide = static_cast<uint64_t>(width), narrow = static_cast<uint64_t>(narrow_width);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& [field, ways] : choices) {
    for (const RowChoice& way : ways) {
      json.push_back({{"field", field},
                      {"rare", way.name},
                      {"ids", way.ids},
                      {"rows", way.rows},
                      {"narrow_rows", way.narrow_rows},
                      {"colliding", way.colliding_share()},
                      {"colliding_uses", way.colliding_use_share()},
                      {"bytes_f32", way.bytes_f32(wide, narrow)},
                      {"bytes_i8", way.bytes_i8(wide, narrow)}});
    }
  }
  return json;
}

std::string describe(const std::vector<FieldChoices>& choices, int width, int narrow_width) {
  std::string text =
      fmt::format("{:<16} {:<18} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "field", "rare ids", "ids",
                  "rows", "collide", "of uses", "MiB fp32", "MiB int8");
  constexpr double kMiB = 1 << 20;
  const auto w = static_cast<uint64_t>(width), n = static_cast<uint64_t>(narrow_width);
  for (const auto& [field, ways] : choices) {
    for (const RowChoice& way : ways) {
      text += fmt::format("{:<16} {:<18} {:>9} {:>9} {:>8.2f}% {:>8.2f}% {:>9.3f} {:>9.3f}\n",
                          field, way.name, way.ids, way.rows + way.narrow_rows,
                          100 * way.colliding_share(), 100 * way.colliding_use_share(),
                          static_cast<double>(way.bytes_f32(w, n)) / kMiB,
                          static_cast<double>(way.bytes_i8(w, n)) / kMiB);
    }
  }
  text.pop_back();
  return text;
}

}  // namespace palate
