// Item-side state: a dense in-memory array on every replica, built from the item log. One writer,
// many readers.
#pragma once

#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "events/event.h"
#include "features/item_columns.h"

namespace palate {

// What an item belongs to, as dense numbers in order of appearance in the item log.
struct ItemTraits {
  static constexpr uint32_t kNone = 0xffffffff;
  std::span<const uint32_t> categories;  // ascending, distinct; valid as long as the catalogue
  uint32_t creator = kNone;
};

// When an item is there; 0: not said.
struct ItemDates {
  ItemIx item;
  TimeUs released, expires;
};

// So many attributes, in order of appearance, can be looked for (Catalogue::View::attribute): each
// takes four bytes an item, and their names come from outside.
inline constexpr size_t kAttributeColumnsMax = 256;

class Catalogue {
 public:
  Catalogue();
  ~Catalogue();

  // A consistent look, valid while it lives; the writer waits, so keep it for one request only.
  class View {
   public:
    [[nodiscard]] size_t size() const;
    [[nodiscard]] std::optional<ItemIx> find(std::string_view external_id) const;
    [[nodiscard]] std::string_view name(ItemIx ix) const;
    [[nodiscard]] const ItemRecord& record(
        ItemIx ix) const;  // of an item only known from events: just its id
    [[nodiscard]] bool described(ItemIx ix) const;  // somebody posted or imported its record
    [[nodiscard]] bool available(ItemIx ix, TimeUs now) const;  // not hidden, released, not expired
    // Nothing for an item without a record, or that is not there.
    [[nodiscard]] ItemTraits traits(ItemIx ix) const;
    // Of each, instead of what is in `out`.
    void traits(std::span<const ItemIx> items, std::vector<ItemTraits>& out) const;
    [[nodiscard]] std::optional<uint32_t> creator(std::string_view name) const;  // as in traits()
    // Ascending; valid while this view lives.
    [[nodiscard]] std::span<const ItemIx> of_creator(uint32_t creator) const;
    // Another one after every change; no two catalogues have the same.
    [[nodiscard]] uint64_t version() const;
    [[nodiscard]] size_t category_numbers() const;  // exclusive end of the numbers in traits()
    // Items of a category; nullptr for a category nobody has.
    [[nodiscard]] const ItemBitmap* category(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> categories() const;
    // A field of items as a column: "tag", "language", "region", "creator" (nullptr: nobody has
    // one), or one of their attributes (nullptr: no item has or had it, or it came after
    // kAttributeColumnsMax others).
    [[nodiscard]] const ItemColumn* column(std::string_view field) const;
    [[nodiscard]] const ItemColumn* attribute(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> attributes() const;
    // Of the items that say one of them, ascending.
    void each_date(const std::function<void(const ItemDates&)>& visit) const;
    // Items that are not available at `now`, ascending; cheap when few have dates or are hidden.
    [[nodiscard]] std::vector<ItemIx> unavailable(TimeUs now) const;

   private:
    friend class Catalogue;
    std::shared_lock<std::shared_mutex> lock_;
    const Catalogue* catalogue_ = nullptr;
  };
  [[nodiscard]] View view() const;

  // Applies one record of the item log, in log order: adds the item or replaces its record. A stub
  // (only an id) never takes a record away.
  Result<ItemIx> apply(const ItemRecord& record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace palate
