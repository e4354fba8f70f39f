#include "features/item_signals.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "features/appeal.h"

namespace palate {
namespace {

constexpr std::string_view kAllKey = "g", kItemKey = "s", kRegionKey = "r", kLocalKey = "l";
// Columns behind those of the types; names of types have no star.
constexpr std::array<std::string_view, 4> kColumnNames{"*likes", "*prompted", "*raw", "*young"};
constexpr size_t kRegionBytesMax = 64;
// In front of a segment's name, among those of regions: in a context's strings it would be escaped.
constexpr std::string_view kSegment = "\x1f";

std::string item_key(std::string_view kind, ItemIx item) {
  std::string key(kind);
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(item.value >> shift);
  return key;
}

ItemIx item_of(std::string_view bytes) {
  ItemIx item{0};
  for (const char c : bytes) item.value = item.value << 8 | static_cast<uint8_t>(c);
  return item;
}

std::string pattern_of(const std::string& key) { return key.empty() ? "" : "\"" + key + "\":\""; }

// The text behind the pattern, or "". A context is a flat object in canonical form
// (events/context_json.h), in whose strings quotes are escaped: the pattern behind a brace or comma
// can only be the key.
std::string_view name_in(std::string_view context, std::string_view pattern) {
  if (pattern.empty()) return {};
  size_t at = context.find(pattern);
  while (at != std::string_view::npos &&
         (at == 0 || !std::string_view("{,").contains(context[at - 1]))) {
    at = context.find(pattern, at + 1);
  }
  if (at == std::string_view::npos) return {};
  const std::string_view rest = context.substr(at + pattern.size());
  const size_t end = rest.find_first_of("\"\\");
  if (end > kRegionBytesMax || rest[end] != '"') return {};
  return rest.substr(0, end);
}

std::string segment_name(std::string_view name) { return std::string(kSegment).append(name); }

}  // namespace

ItemSignals::ItemSignals(const FeatureConfig& config, const EventTypes& types)
    : config_(config),
      types_(types),
      region_pattern_(config.counters ? pattern_of(config.region_key) : ""),
      segment_pattern_(config.keeps_local() ? pattern_of(config.segment_key) : ""),
      items_(types.size() + kColumnNames.size()),
      categories_(types.size()),
      creators_(types.size()),
      regions_(types.size() + kColumnNames.size()),
      all_(types.size() + kColumnNames.size()),
      co_views_(static_cast<size_t>(config.co_views)) {}

Locality ItemSignals::locality(std::string_view context) {
  const std::string_view region = name_in(context, region_pattern_);
  const std::string_view segment = name_in(context, segment_pattern_);
  return {region.empty() ? kNoRegion : region_number(region),
          segment.empty() ? kNoRegion : region_number(segment_name(segment))};
}

RegionIx ItemSignals::region_number(std::string_view name) {
  {
    const std::shared_lock lock(names_mutex_);
    const auto known = region_numbers_.find(name);
    if (known != region_numbers_.end()) return known->second;
    if (region_names_.size() == kRegionsMax) return kNoRegion;
  }
  const std::unique_lock lock(names_mutex_);
  const auto next = static_cast<RegionIx>(region_names_.size());
  if (next == kRegionsMax) return kNoRegion;
  const auto [at, added] = region_numbers_.try_emplace(std::string(name), next);
  if (added) region_names_.emplace_back(name);
  return at->second;
}

void ItemSignals::mark(ItemIx item) {
  if (item.value >= changed_items_.size()) changed_items_.resize(item.value + item.value / 2 + 64);
  if (!changed_items_[item.value]) changed_.items.push_back(item);
  changed_items_[item.value] = true;
}

void ItemSignals::mark(RegionIx region) {
  if (region >= changed_regions_.size()) changed_regions_.resize(kRegionsMax);
  if (!changed_regions_[region]) changed_.regions.push_back(region);
  changed_regions_[region] = true;
}

void ItemSignals::mark(RegionIx region, ItemIx item) {
  LocalCounts& counts = local_at(region)[item.value];
  if (!counts.changed) changed_.local.emplace_back(region, item);
  counts.changed = true;
}

ItemSignals::LocalLikes& ItemSignals::local_at(RegionIx region) {
  if (region >= local_.size()) local_.resize(size_t{region} + 1);
  return local_[region];
}

void ItemSignals::count(const Signal& signal, const DecayedCounts::Change& change,
                        const Catalogue::View& items) {
  const size_t type = signal.type.value;
  all_.at(type, 0).add(change);
  if (signal.place.region != kNoRegion) {
    regions_.at(type, signal.place.region).add(change);
    mark(signal.place.region);
  }
  if (!signal.item.valid()) return;
  items_.at(type, signal.item.value).add(change);
  const ItemTraits traits = items.traits(signal.item);
  for (const uint32_t category : traits.categories) categories_.at(type, category).add(change);
  if (traits.creator != ItemTraits::kNone) creators_.at(type, traits.creator).add(change);
}

// A like.
void ItemSignals::count_local(const Signal& signal, const DecayedCounts::Change& change) {
  for (const RegionIx place : {signal.place.region, signal.place.segment}) {
    if (place == kNoRegion) continue;
    regions_.at(types_.size() + kLikes, place).add(change);
    mark(place);
    mark(place, signal.item);
    local_[place][signal.item.value].likes.add(change);
  }
}

void ItemSignals::add_one(const Signal& signal, EventWeight weight, const Catalogue::View& items) {
  const DecayedCounts::Change weighed = DecayedCounts::Change::of(signal.at, weight.of_whole);
  if (config_.counters) count(signal, weighed, items);
  if (!signal.item.valid()) return;
  mark(signal.item);
  if (signal.preference <= 0) return;
  const size_t own = types_.size();
  count_like(own + kLikes, signal.item, weighed);
  if (signal.prompted) count_like(own + kPrompted, signal.item, weighed);
  if (config_.keeps_local()) count_local(signal, weighed);
  if (!config_.trust) return;
  const DecayedCounts::Change whole = DecayedCounts::Change::of(signal.at);
  count_like(own + kRaw, signal.item, whole);
  if (weight.young) count_like(own + kYoung, signal.item, whole);
}

bool ItemSignals::slates_are_usual(const DecayedCounts::Moment& moment) const {
  constexpr double kUsualShare = 0.3;
  const double likes = all_.read(types_.size() + kLikes, 0, kWeek, moment);
  const double prompted = all_.read(types_.size() + kPrompted, 0, kWeek, moment);
  return likes > 0 && prompted > kUsualShare * likes;
}

// By what was counted before this event, at its full hour: the same however the log is cut.
void ItemSignals::weigh(const Signal& signal, EventWeight& weight) {
  if (!config_.trust) return;
  constexpr int64_t kHourUs = 3600 * kSecondUs;
  const int64_t hour = std::max<int64_t>(signal.at.us, 0) / kHourUs;
  if (hour != weighed_hour_) weighed_at_ = DecayedCounts::Moment(TimeUs{hour * kHourUs});
  weighed_hour_ = hour;
  if (!slates_are_usual(weighed_at_)) {
    weight.of_whole = weight.without_slates;
    return;
  }
  if (signal.prompted || signal.preference <= 0 || !signal.item.valid()) return;
  ShownAndLiked counts;
  for (uint16_t type = 0; type < types_.size(); ++type) {
    if (types_.at({type}).role != Role::kExposure) continue;
    counts.shown += items_.read(type, signal.item.value, kDay, weighed_at_);
    counts.all_shown += all_.read(type, 0, kDay, weighed_at_);
  }
  const size_t prompted = types_.size() + kPrompted;
  counts.liked = items_.read(prompted, signal.item.value, kDay, weighed_at_);
  counts.all_liked = all_.read(prompted, 0, kDay, weighed_at_);
  weight.of_whole = static_cast<uint16_t>(std::lround(weight.of_whole * believed(counts)));
}

void ItemSignals::count_like(size_t column, ItemIx item, const DecayedCounts::Change& change) {
  items_.at(column, item.value).add(change);
  all_.at(column, 0).add(change);
}

void ItemSignals::add(const Events& events, const Catalogue::View& items) {
  PALATE_CHECK(events.weights.size() == events.signals.size(), "each event has a weight");
  constexpr size_t kAhead = 8;
  const std::unique_lock lock(mutex_);
  auto liked = events.liked.begin();
  for (size_t i = 0; i < events.signals.size(); ++i) {
    const Signal& signal = events.signals[i];
    if (config_.counters || config_.trust) {
      if (i + kAhead < events.signals.size()) {
        const Signal& later = events.signals[i + kAhead];
        items_.prefetch(later.type.value, later.item.value);
      }
      weigh(signal, events.weights[i]);
      add_one(signal, events.weights[i], items);
    }
    for (; liked != events.liked.end() && liked->offset <= signal.offset; ++liked) {
      const uint32_t weight = events.weights[i].of_whole;
      if (liked->offset < signal.offset || weight == 0) continue;
      co_views_.add(liked->item, liked->earlier, weight);
      co_views_.add(liked->earlier, liked->item, weight);
      mark(liked->item);
      mark(liked->earlier);
    }
  }
  changed_.any = changed_.any || !events.signals.empty();
}

void ItemSignals::move(ItemIx item, const ItemTraits& before, const ItemTraits& after) {
  const std::unique_lock lock(mutex_);
  for (size_t type = 0; type < categories_.columns(); ++type) {
    const DecayedCounts* there = items_.find(type, item.value);
    if (there == nullptr) continue;
    const DecayedCounts counts = *there;
    for (const uint32_t c : before.categories) categories_.at(type, c).merge(counts, -1);
    for (const uint32_t c : after.categories) categories_.at(type, c).merge(counts, 1);
    if (before.creator != ItemTraits::kNone) creators_.at(type, before.creator).merge(counts, -1);
    if (after.creator != ItemTraits::kNone) creators_.at(type, after.creator).merge(counts, 1);
  }
}

ItemSignals::View ItemSignals::view() const {
  View view;
  view.lock_ = std::shared_lock(mutex_);
  view.signals_ = this;
  return view;
}

RegionIx ItemSignals::known_region(std::string_view name) const {
  const std::shared_lock lock(names_mutex_);
  const auto known = region_numbers_.find(name);
  return known == region_numbers_.end() ? kNoRegion : known->second;
}

RegionIx ItemSignals::View::region(std::string_view name) const {
  return signals_->known_region(name);
}

RegionIx ItemSignals::View::segment(std::string_view name) const {
  return signals_->known_region(segment_name(name));
}

Locality ItemSignals::View::locality(std::string_view context) const {
  return {region(name_in(context, signals_->region_pattern_)),
          segment(name_in(context, signals_->segment_pattern_))};
}

const ItemSignals::LocalLikes& ItemSignals::View::local_likes(RegionIx place) const {
  static const LocalLikes kNone;
  return place < signals_->local_.size() ? signals_->local_[place] : kNone;
}

std::span<const CoView> ItemSignals::View::co_views(ItemIx item) const {
  return signals_->co_views_.of(item);
}

size_t ItemSignals::bytes() const {
  const std::shared_lock lock(mutex_);
  size_t local = 0;
  for (const LocalLikes& likes : local_) {
    local += likes.size() * (sizeof(LocalLikes::value_type) + 2 * sizeof(void*));
  }
  return items_.bytes() + categories_.bytes() + creators_.bytes() + regions_.bytes() + local;
}

// ---- in the store ---------------------------------------------------------------------------

ItemSignals::Changed ItemSignals::take_changed() {
  const std::unique_lock lock(mutex_);
  for (const ItemIx item : changed_.items) changed_items_[item.value] = false;
  for (const RegionIx region : changed_.regions) changed_regions_[region] = false;
  for (const auto& [region, item] : changed_.local) local_[region][item.value].changed = false;
  return std::exchange(changed_, {});
}

void ItemSignals::give_back(const Changed& changed) {
  const std::unique_lock lock(mutex_);
  for (const ItemIx item : changed.items) mark(item);
  for (const RegionIx region : changed.regions) mark(region);
  for (const auto& [region, item] : changed.local) mark(region, item);
  changed_.any = changed_.any || changed.any;
}

void ItemSignals::write_row(ByteWriter& out, const CountTable& table, size_t row) const {
  size_t count = 0;
  for (size_t c = 0; c < table.columns(); ++c) count += table.find(c, row) != nullptr ? 1 : 0;
  out.varint(count);
  for (size_t c = 0; c < table.columns(); ++c) {
    const DecayedCounts* counts = table.find(c, row);
    if (counts == nullptr) continue;
    const auto type = static_cast<uint16_t>(c);
    out.text(c < types_.size() ? types_.at({type}).name : kColumnNames[c - types_.size()]);
    counts->encode(out);
  }
}

bool ItemSignals::read_row(ByteReader& in, CountTable& table, size_t row) const {
  const size_t count = in.count(2);
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.text();
    const auto type = types_.find(name);
    const auto own = std::ranges::find(kColumnNames, name) - kColumnNames.begin();
    const size_t column = type ? type->value : types_.size() + static_cast<size_t>(own);
    const auto counts = DecayedCounts::decode(in);
    if (!counts || column >= table.columns()) return false;
    table.at(column, row) = *counts;
  }
  return in.ok();
}

std::vector<StateStore::Put> ItemSignals::puts(const Changed& changed) const {
  const std::shared_lock lock(mutex_);
  std::vector<StateStore::Put> puts;
  if (!changed.any) return puts;
  ByteWriter all;
  write_row(all, all_, 0);
  puts.push_back({std::string(kAllKey), all.take()});
  std::vector<StateStore::Put> rest;
  for (const RegionIx region : changed.regions) {
    ByteWriter out;
    write_row(out, regions_, region);
    const std::shared_lock names(names_mutex_);
    rest.push_back({std::string(kRegionKey) + region_names_[region], out.take()});
  }
  for (const ItemIx item : changed.items) {
    ByteWriter out;
    write_row(out, items_, item.value);
    co_views_.encode(out, item);
    rest.push_back({item_key(kItemKey, item), out.take()});
  }
  put_local(changed, rest);
  std::ranges::sort(rest, {}, &StateStore::Put::key);
  std::ranges::move(rest, std::back_inserter(puts));
  return puts;
}

void ItemSignals::put_local(const Changed& changed, std::vector<StateStore::Put>& puts) const {
  const std::shared_lock names(names_mutex_);
  for (const auto& [region, item] : changed.local) {
    ByteWriter out;
    local_[region].at(item.value).likes.encode(out);
    puts.push_back({item_key(kLocalKey, item) + region_names_[region], out.take()});
  }
}

Status ItemSignals::load_key(std::string_view key, std::string_view value) {
  ByteReader in(value);
  bool right = true;
  if (key.starts_with(kAllKey)) {
    right = read_row(in, all_, 0);
  } else if (key.starts_with(kRegionKey)) {
    const RegionIx region = region_number(key.substr(1));
    right = region != kNoRegion && read_row(in, regions_, region);
  } else if (key.starts_with(kLocalKey) && key.size() > 5) {
    const RegionIx region = region_number(key.substr(5));
    const auto counts = DecayedCounts::decode(in);
    right = region != kNoRegion && counts.has_value();
    if (right) local_at(region)[item_of(key.substr(1, 4)).value] = {*counts};
  } else {
    const ItemIx item = item_of(key.substr(1));
    right = item.valid() && read_row(in, items_, item.value) && co_views_.decode(in, item);
  }
  if (right && in.at_end()) return {};
  return fail(Code::kCorrupt, "the counts under '{}' are damaged", key.substr(0, 1));
}

Status ItemSignals::load(const StateStore& store, const Catalogue::View& items) {
  clear();
  const std::unique_lock lock(mutex_);
  for (const std::string_view prefix : {kAllKey, kRegionKey, kItemKey, kLocalKey}) {
    Status status;
    TRY(store.scan(prefix, [&](std::string_view key, std::string_view value) {
      status = load_key(key, value);
      return status.has_value();
    }));
    TRY(std::move(status));
  }
  for (uint32_t i = 0; i < items.size(); ++i) {
    const ItemTraits traits = items.traits({i});
    for (size_t type = 0; type < categories_.columns(); ++type) {
      const DecayedCounts* counts = items_.find(type, i);
      if (counts == nullptr) continue;
      for (const uint32_t c : traits.categories) categories_.at(type, c).merge(*counts, 1);
      if (traits.creator != ItemTraits::kNone) creators_.at(type, traits.creator).merge(*counts, 1);
    }
  }
  return {};
}

void ItemSignals::clear() {
  const std::unique_lock lock(mutex_);
  for (CountTable* table : {&items_, &categories_, &creators_, &regions_, &all_}) table->clear();
  co_views_.clear();
  local_.clear();
  changed_items_.clear();
  changed_regions_.clear();
  changed_ = {};
}

}  // namespace palate
