#include "simulate/truth/catalogue.h"

#include <cmath>

#include "simulate/truth/streams.h"
#include "simulate/words.h"

namespace palate {
namespace {

constexpr float kItemNoise = 0.25F;
constexpr double kRiseDays = 0.15, kFallDays = 4;
constexpr std::string_view kParts[] = {"Part", "Teil", "Parte"};

std::string creator_name(uint32_t creator) {
  const auto first = first_names();
  const auto last = last_names();
  return fmt::format("{} {}", first[creator % first.size()],
                     last[creator / first.size() % last.size()]);
}

// Half of the hits are released for it, the others were there before.
void draw_times(Philox& random, const SimulateConfig& config, ItemNature& nature) {
  const double days = static_cast<double>(config.days);
  const double launch = random.uniform(), released = random.uniform();
  const double hit = random.uniform(), moment = random.uniform(), fresh = random.uniform();
  if (launch < config.launch_share) nature.released_day = static_cast<float>(released * days);
  if (hit >= config.breakout_share) return;
  nature.hit_day = static_cast<float>((0.1 + 0.8 * moment) * days);
  nature.quality = 0.5F + std::abs(nature.quality);
  nature.released_day = fresh < 0.5 ? std::max(0.0F, nature.hit_day - 0.05F) : 0.0F;
}

// One of the regions' language areas has it alone, for one item in seven.
uint8_t draw_regions(Philox& random, uint8_t language) {
  if (random.uniform() >= 1.0 / 7) return 0xff;
  uint8_t regions = 0;
  for (size_t r = 0; r < std::size(kRegions); ++r) {
    if (kRegions[r].language == language) regions |= static_cast<uint8_t>(1U << r);
  }
  return regions;
}

ItemNature draw_item(const SimulateConfig& config, uint32_t item, const ItemNature* series_before) {
  Philox random = stream(config.seed, Draw::kItem, item);
  ItemNature nature;
  nature.category = static_cast<uint8_t>(item % category_words().size());
  const TasteVector middle = topic_vector(config.seed, nature.category);
  nature.vector = near_vector(random, series_before ? series_before->vector : middle,
                              series_before ? kItemNoise / 4 : kItemNoise);
  nature.quality = static_cast<float>(random.normal());
  nature.bait = static_cast<float>(random.normal());
  nature.popularity = 0.5F * nature.quality + 0.866F * static_cast<float>(random.normal());
  nature.length_s = static_cast<float>(600 * std::exp(0.7 * random.normal()));
  nature.creator = random.below(creators_count());
  const double language = random.uniform();
  nature.language = language < 0.5 ? 0 : language < 0.75 ? 1 : 2;
  nature.regions = draw_regions(random, nature.language);
  draw_times(random, config, nature);
  if (series_before != nullptr) {
    nature.creator = series_before->creator;
    nature.language = series_before->language;
    nature.regions = series_before->regions;
    nature.quality = 0.8F * series_before->quality + 0.6F * nature.quality;
    nature.released_day = std::max(nature.released_day, series_before->released_day);
  }
  return nature;
}

std::string suffix_of(const ItemNature& nature, size_t round, size_t language) {
  std::string text = round > 0 ? fmt::format(" {}", round + 1) : "";
  if (nature.part > 0) text += fmt::format(", {} {}", kParts[language], nature.part);
  return text;
}

}  // namespace

TasteVector near_vector(Philox& random, const TasteVector& middle, float noise) {
  TasteVector out;
  double square = 0;
  for (size_t d = 0; d < kTasteDims; ++d) {
    out[d] = middle[d] + noise * static_cast<float>(random.normal());
    square += out[d] * out[d];
  }
  const float scale = square > 0 ? static_cast<float>(1 / std::sqrt(square)) : 0.0F;
  for (float& x : out) x *= scale;
  return out;
}

TasteVector topic_vector(uint64_t seed, uint32_t category) {
  Philox random = stream(seed, Draw::kTopic, category);
  return near_vector(random, {}, 1);
}

uint32_t creators_count() {
  return static_cast<uint32_t>(first_names().size() * last_names().size());
}

std::string numbered_id(char prefix, uint64_t index) {
  return fmt::format("{}{:05}", prefix, index + 1);
}

ItemCatalogue::ItemCatalogue(const SimulateConfig& config) {
  struct Row {
    uint32_t titles = 0, series = kNoSeries, last = 0, parts = 0, part = 0;
  };
  const size_t categories = category_words().size();
  std::vector<Row> rows(categories);  // items of a category follow each other
  natures_.reserve(static_cast<size_t>(config.items));
  for (uint32_t i = 0; i < static_cast<uint32_t>(config.items); ++i) {
    Row& row = rows[i % categories];
    const bool goes_on = row.series != kNoSeries && row.part < row.parts;
    ItemNature nature = draw_item(config, i, goes_on ? &natures_[row.last] : nullptr);
    if (!goes_on) {
      Philox random = stream(config.seed, Draw::kSeries, i);
      const bool series = random.uniform() < config.series_share;
      row = {row.titles + 1, series ? i : kNoSeries, i, series ? 2 + random.below(8) : 0, 0};
    }
    row.last = i;
    nature.title = row.titles - 1;
    nature.series = row.series;
    if (row.series != kNoSeries) nature.part = static_cast<uint16_t>(++row.part);
    if (nature.hit_day != kNeverDay) hits_.push_back(i);
    natures_.push_back(nature);
  }
}

uint32_t ItemCatalogue::next_part(uint32_t item) const {
  const ItemNature& nature = natures_[item];
  const size_t next = item + category_words().size();
  if (nature.series == kNoSeries || next >= natures_.size()) return item;
  return natures_[next].series == nature.series ? static_cast<uint32_t>(next) : item;
}

double ItemCatalogue::buzz(uint32_t item, double day) const {
  const double since = day - natures_[item].hit_day;
  if (since <= 0) return 0;
  return (1 - std::exp(-since / kRiseDays)) * std::exp(-since / kFallDays);
}

ItemRecord ItemCatalogue::record(uint32_t item, TimeUs start) const {
  const ItemNature& nature = natures_[item];
  const CategoryWords& category = category_words()[nature.category];
  const auto tails = title_tails();
  const Phrase& head = category.heads[nature.title % 10];
  const Phrase& tail = tails[nature.title / 10 % tails.size()];
  const size_t round = nature.title / (10 * tails.size());
  ItemRecord record;
  record.id = numbered_id('i', item);
  record.titles = {{"en", fmt::format("{} {}{}", head.en, tail.en, suffix_of(nature, round, 0))},
                   {"de", fmt::format("{} {}{}", head.de, tail.de, suffix_of(nature, round, 1))},
                   {"es", fmt::format("{} {}{}", head.es, tail.es, suffix_of(nature, round, 2))}};
  record.categories = {std::string(category.name)};
  record.creator = creator_name(nature.creator);
  record.languages = {std::string(kLanguages[nature.language])};
  if (nature.regions != 0xff) {
    for (size_t r = 0; r < std::size(kRegions); ++r) {
      if ((nature.regions >> r & 1) != 0) record.regions.emplace_back(kRegions[r].code);
    }
  }
  if (nature.series != kNoSeries) {
    record.attributes = {{"series", numbered_id('s', nature.series)},
                         {"part", std::to_string(nature.part)}};
  }
  record.released = {start.us + static_cast<int64_t>(nature.released_day * double(kDayUs))};
  return record;
}

}  // namespace palate
