// Item-side state of [features]: decayed counts of every event type by item, category, creator and
// region, and which items are liked together. Dense in memory, written behind with the users'
// states; categories' and creators' counts are the sums of their items' and are not stored. An item
// that changes its categories takes its counts along, so what is read does not depend on whether
// events or records came first.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "events/event_types.h"
#include "features/catalogue.h"
#include "features/co_views.h"
#include "features/count_table.h"
#include "features/feature_config.h"
#include "store/state_store.h"

namespace palate {

using RegionIx = uint16_t;
inline constexpr RegionIx kNoRegion = 0xffff;
inline constexpr size_t kRegionsMax = 1000;  // with segments; later ones are not counted

// Where an event happened: region, and segment of users. Both are numbered together.
struct Locality {
  RegionIx region = kNoRegion, segment = kNoRegion;
};

// What one event says about its item.
struct Signal {
  uint64_t offset = 0;
  ItemIx item;  // invalid: about none
  float preference = 0;
  TimeUs at;  // when it happened; not later than it was received
  EventTypeId type;
  Locality place = {};
  bool prompted = false;  // it answers a slate
};

// What the user's side knows of one event (features/user_side.h).
struct EventWeight {
  uint16_t of_whole = kWholeWeight;
  uint16_t without_slates = kWholeWeight;  // where likes mostly answer no slate
  bool young = false;                      // one of the first of its account
};

// Two items that a user liked soon after each other; `offset`: of the later event.
struct LikedTogether {
  uint64_t offset = 0;
  ItemIx item, earlier;
};

class ItemSignals {
 public:
  // `types` and what `config` says do not change.
  ItemSignals(const FeatureConfig& config, const EventTypes& types);

  // Of an event's context. Thread-safe.
  Locality locality(std::string_view context);

  struct Events {
    std::span<const Signal> signals;       // ascending by offset
    std::span<EventWeight> weights;        // of each; add() leaves in of_whole what it took
    std::span<const LikedTogether> liked;  // ascending by offset
  };
  // One writer; readers wait. Events in the order of the log.
  void add(const Events& events, const Catalogue::View& items);
  // The item belonged to `before`, and now to `after`.
  void move(ItemIx item, const ItemTraits& before, const ItemTraits& after);

  struct LocalCounts {
    DecayedCounts likes;
    bool changed = false;  // ahead of the store
  };
  using LocalLikes = std::unordered_map<uint32_t, LocalCounts>;  // by ItemIx

  // A consistent look; the writer waits while it lives. Take the catalogue's view first.
  class View {
   public:
    using Moment = DecayedCounts::Moment;
    [[nodiscard]] const CountTable& items() const { return signals_->items_; }
    [[nodiscard]] const CountTable& categories() const { return signals_->categories_; }
    [[nodiscard]] const CountTable& creators() const { return signals_->creators_; }
    [[nodiscard]] const CountTable& regions() const { return signals_->regions_; }
    [[nodiscard]] const CountTable& all() const { return signals_->all_; }  // one row
    // Columns beside those of the event types, in items() and all(): likes of every type, those of
    // them that answer a slate; with trust also likes as they came, without their weights, and of
    // these the first of an account.
    [[nodiscard]] size_t likes() const { return signals_->types_.size(); }
    [[nodiscard]] size_t prompted() const { return likes() + kPrompted; }
    [[nodiscard]] size_t raw() const { return likes() + kRaw; }
    [[nodiscard]] size_t young() const { return likes() + kYoung; }
    // Likes usually answer slates: so it says something when an account's do not.
    [[nodiscard]] bool slates_are_usual(const Moment& moment) const {
      return signals_->slates_are_usual(moment);
    }
    [[nodiscard]] const TrustModel& trust_model() const { return signals_->config_.model(); }
    // kNoRegion for one that no event named.
    [[nodiscard]] RegionIx region(std::string_view name) const;
    [[nodiscard]] RegionIx segment(std::string_view name) const;
    // Of a request's context, which is no event.
    [[nodiscard]] Locality locality(std::string_view context) const;
    // With local_trends: of each item that was liked in a region or segment. regions() has the
    // column likes() of all of them.
    [[nodiscard]] const LocalLikes& local_likes(RegionIx place) const;
    [[nodiscard]] std::span<const CoView> co_views(ItemIx item) const;

   private:
    friend class ItemSignals;
    std::shared_lock<std::shared_mutex> lock_;
    const ItemSignals* signals_ = nullptr;
  };
  [[nodiscard]] View view() const;
  [[nodiscard]] size_t bytes() const;  // of the counts

  // What is ahead of the store; of the writer.
  struct Changed {
    std::vector<ItemIx> items;
    std::vector<RegionIx> regions;
    std::vector<std::pair<RegionIx, ItemIx>> local;
    bool any = false;
  };
  Changed take_changed();
  void give_back(const Changed& changed);  // it could not be written
  // As it is now, ascending by key.
  [[nodiscard]] std::vector<StateStore::Put> puts(const Changed& changed) const;
  // Instead of what is there. `items`: as they are in the catalogue. Errors: kCorrupt, those of the
  // store.
  Status load(const StateStore& store, const Catalogue::View& items);
  void clear();

 private:
  enum OwnColumn : size_t { kLikes, kPrompted, kRaw, kYoung };  // behind those of the types
  [[nodiscard]] bool slates_are_usual(const DecayedCounts::Moment& moment) const;
  void weigh(const Signal& signal, EventWeight& weight);
  void add_one(const Signal& signal, EventWeight weight, const Catalogue::View& items);
  void count(const Signal& signal, const DecayedCounts::Change& change,
             const Catalogue::View& items);
  void count_like(size_t column, ItemIx item, const DecayedCounts::Change& change);
  void count_local(const Signal& signal, const DecayedCounts::Change& change);
  void mark(ItemIx item);
  void mark(RegionIx region);
  void mark(RegionIx region, ItemIx item);
  LocalLikes& local_at(RegionIx region);
  RegionIx region_number(std::string_view name);
  [[nodiscard]] RegionIx known_region(std::string_view name) const;
  void put_local(const Changed& changed, std::vector<StateStore::Put>& puts) const;
  void write_row(ByteWriter& out, const CountTable& table, size_t row) const;
  bool read_row(ByteReader& in, CountTable& table, size_t row) const;
  Status load_key(std::string_view key, std::string_view value);

  const FeatureConfig config_;
  const EventTypes& types_;
  const std::string region_pattern_, segment_pattern_;
  mutable std::shared_mutex mutex_;  // of all below but the regions' names
  CountTable items_, categories_, creators_, regions_, all_;
  std::vector<LocalLikes> local_;  // by region
  CoViews co_views_;
  int64_t weighed_hour_ = -1;  // of the last event that was weighed, and its moment
  DecayedCounts::Moment weighed_at_{TimeUs{}};
  std::vector<bool> changed_items_, changed_regions_;
  Changed changed_;
  mutable std::shared_mutex names_mutex_;
  std::map<std::string, RegionIx, std::less<>> region_numbers_;
  std::vector<std::string> region_names_;
};

}  // namespace palate
