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

namespace palate {

// One bit an item; bit i of word i / 64. Shorter than the catalogue means zeros.
using ItemBitmap = std::vector<uint64_t>;

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
    // Items of a category; nullptr for a category nobody has.
    [[nodiscard]] const ItemBitmap* category(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> categories() const;
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
