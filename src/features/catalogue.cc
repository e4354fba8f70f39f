#include "features/catalogue.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

#include "base/check.h"
#include "ids/item_interner.h"

namespace palate {
namespace {

// One item. An item that is only known from events needs no record of 400 bytes until somebody
// asks for it; readers then race to make the same one.
struct Slot {
  mutable std::atomic<const ItemRecord*> record{nullptr};
  bool described = false;
  ~Slot() { delete record.load(); }
};

// Of one item, apart from its slot: read for hundreds of items at once.
struct Belongs {
  uint32_t creator = ItemTraits::kNone;
  uint32_t categories = 0;  // which of the sets
};

// An item that may be unavailable, now or later. In one dense array, so that unavailable() touches
// nothing else.
struct Restricted {
  ItemIx item;
  bool hidden = false;
  TimeUs released, expires;  // 0: not said

  [[nodiscard]] bool available(TimeUs now) const {
    return !hidden && released <= now && (expires.us == 0 || now < expires);
  }
};

struct Category {
  ItemBitmap items;
  size_t count = 0;
};

// Names of categories or creators as numbers, in order of appearance.
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};
using NameNumbers = std::unordered_map<std::string, uint32_t, NameHash, std::equal_to<>>;

uint32_t number_of(NameNumbers& numbers, const std::string& name) {
  return numbers.try_emplace(name, static_cast<uint32_t>(numbers.size())).first->second;
}

uint64_t next_version() {
  static std::atomic<uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed);
}

bool is_stub(const ItemRecord& record) {
  return record.titles.empty() && record.descriptions.empty() && record.categories.empty() &&
         record.tags.empty() && record.languages.empty() && record.regions.empty() &&
         record.creator.empty() && record.released.us == 0 && record.expires.us == 0 &&
         !record.hidden && record.attributes.empty() && record.vectors.empty();
}

}  // namespace

struct Catalogue::State {
  mutable std::shared_mutex mutex;
  ItemInterner names;
  std::deque<Slot> slots;
  std::vector<Belongs> belongs;  // of each slot
  std::map<std::string, Category, std::less<>> categories;
  std::vector<Restricted> restricted;  // ascending by item
  NameNumbers category_numbers, creator_numbers;
  std::deque<std::vector<ItemIx>> by_creator;  // ascending, by creator's number
  uint64_t version = next_version();
  // Items share their sets of categories: there are few of them. The first one is empty.
  std::map<std::vector<uint32_t>, uint32_t> set_numbers{{{}, 0}};
  std::vector<std::span<const uint32_t>> sets{{}};
  std::map<std::string, ItemColumn, std::less<>> columns, attributes;

  void set_category(const std::string& name, ItemIx ix);
  void clear_category(const std::string& name, ItemIx ix);
  void set_restricted(const ItemRecord& record, ItemIx ix);
  void set_traits(const ItemRecord& record, ItemIx ix);
  void set_creator(const std::string& name, ItemIx ix);
  void set_columns(const ItemRecord& record, const ItemRecord* before, ItemIx ix);
  void describe(const ItemRecord& record, ItemIx ix);
};

void Catalogue::State::set_category(const std::string& name, ItemIx ix) {
  Category& category = categories[name];
  const size_t word = ix.value / 64;
  if (category.items.size() <= word) category.items.resize(word + 1);
  const uint64_t bit = uint64_t{1} << (ix.value % 64);
  if ((category.items[word] & bit) == 0) ++category.count;
  category.items[word] |= bit;
}

void Catalogue::State::clear_category(const std::string& name, ItemIx ix) {
  const auto found = categories.find(name);
  if (found == categories.end()) return;
  uint64_t& word = found->second.items[ix.value / 64];
  const uint64_t bit = uint64_t{1} << (ix.value % 64);
  if ((word & bit) == 0) return;  // the record named the category twice
  word &= ~bit;
  if (--found->second.count == 0) categories.erase(found);
}

void Catalogue::State::set_restricted(const ItemRecord& record, ItemIx ix) {
  const bool wanted = record.hidden || record.released.us != 0 || record.expires.us != 0;
  const auto at = std::lower_bound(restricted.begin(), restricted.end(), ix,
                                   [](const Restricted& r, ItemIx i) { return r.item < i; });
  const bool there = at != restricted.end() && at->item == ix;
  const Restricted now{ix, record.hidden, record.released, record.expires};
  if (wanted && there) *at = now;
  if (wanted && !there) restricted.insert(at, now);
  if (!wanted && there) restricted.erase(at);
}

void Catalogue::State::set_creator(const std::string& name, ItemIx ix) {
  const uint32_t before = belongs[ix.value].creator;
  const uint32_t after = name.empty() ? ItemTraits::kNone : number_of(creator_numbers, name);
  if (before == after) return;
  belongs[ix.value].creator = after;
  by_creator.resize(creator_numbers.size());
  if (before != ItemTraits::kNone) {
    by_creator[before].erase(std::ranges::lower_bound(by_creator[before], ix));
  }
  if (after == ItemTraits::kNone) return;
  auto& items = by_creator[after];
  items.insert(std::ranges::lower_bound(items, ix), ix);
}

void Catalogue::State::set_traits(const ItemRecord& record, ItemIx ix) {
  set_creator(record.creator, ix);
  std::vector<uint32_t> numbers;
  for (const std::string& name : record.categories) {
    numbers.push_back(number_of(category_numbers, name));
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  const auto next = static_cast<uint32_t>(sets.size());
  const auto [at, added] = set_numbers.try_emplace(std::move(numbers), next);
  if (added) sets.emplace_back(at->first);
  belongs[ix.value].categories = at->second;
}

// A column begins with the first item that has something to say in it.
void Catalogue::State::set_columns(const ItemRecord& record, const ItemRecord* before, ItemIx ix) {
  const auto set = [&](auto& into, const std::string& field, std::span<const std::string> values) {
    if (!values.empty() || into.contains(field)) into[field].set(ix, values);
  };
  set(columns, "tag", record.tags);
  set(columns, "language", record.languages);
  set(columns, "region", record.regions);
  set(columns, "creator", std::span(&record.creator, record.creator.empty() ? 0 : 1));
  for (const auto& [name, value] : record.attributes) {
    if (attributes.size() == kAttributeColumnsMax && !attributes.contains(name)) continue;
    set(attributes, name, std::span(&value, 1));
  }
  if (before == nullptr) return;
  for (const auto& [name, value] : before->attributes) {
    if (!record.attributes.contains(name)) set(attributes, name, {});
  }
}

void Catalogue::State::describe(const ItemRecord& record, ItemIx ix) {
  Slot& slot = slots[ix.value];
  const std::unique_ptr<const ItemRecord> before(slot.record.load());
  if (before) {
    for (const std::string& name : before->categories) clear_category(name, ix);
  }
  slot.record = new ItemRecord(record);
  slot.described = true;
  set_traits(record, ix);
  set_columns(record, before.get(), ix);
  for (const std::string& name : record.categories) set_category(name, ix);
  set_restricted(record, ix);
}

Catalogue::Catalogue() : state_(std::make_unique<State>()) {}
Catalogue::~Catalogue() = default;

Result<ItemIx> Catalogue::apply(const ItemRecord& record) {
  const std::unique_lock lock(state_->mutex);
  const ItemIx ix = TRY(state_->names.add(record.id));
  if (ix.value == state_->slots.size()) {
    state_->slots.emplace_back();
    state_->belongs.emplace_back();
  }
  PALATE_CHECK(ix.value < state_->slots.size(), "items get their index in order");
  if (!is_stub(record)) state_->describe(record, ix);
  state_->version = next_version();
  return ix;
}

Catalogue::View Catalogue::view() const {
  View view;
  view.lock_ = std::shared_lock(state_->mutex);
  view.catalogue_ = this;
  return view;
}

size_t Catalogue::View::size() const { return catalogue_->state_->slots.size(); }

std::optional<ItemIx> Catalogue::View::find(std::string_view external_id) const {
  return catalogue_->state_->names.find(external_id);
}

std::string_view Catalogue::View::name(ItemIx ix) const {
  return catalogue_->state_->names.name(ix);
}

const ItemRecord& Catalogue::View::record(ItemIx ix) const {
  const Slot& slot = catalogue_->state_->slots.at(ix.value);
  const ItemRecord* there = slot.record.load();
  if (there != nullptr) return *there;
  auto made = std::make_unique<ItemRecord>();
  made->id = name(ix);
  if (slot.record.compare_exchange_strong(there, made.get())) return *made.release();
  return *there;
}

bool Catalogue::View::described(ItemIx ix) const {
  return catalogue_->state_->slots.at(ix.value).described;
}

bool Catalogue::View::available(ItemIx ix, TimeUs now) const {
  const auto& all = catalogue_->state_->restricted;
  const auto at = std::lower_bound(all.begin(), all.end(), ix,
                                   [](const Restricted& r, ItemIx i) { return r.item < i; });
  return at == all.end() || at->item != ix || at->available(now);
}

ItemTraits Catalogue::View::traits(ItemIx ix) const {
  const State& state = *catalogue_->state_;
  if (ix.value >= state.belongs.size()) return {};
  const Belongs& belongs = state.belongs[ix.value];
  return {state.sets[belongs.categories], belongs.creator};
}

void Catalogue::View::traits(std::span<const ItemIx> items, std::vector<ItemTraits>& out) const {
  out.clear();
  out.reserve(items.size());
  for (const ItemIx item : items) out.push_back(traits(item));
}

std::optional<uint32_t> Catalogue::View::creator(std::string_view name) const {
  const auto& numbers = catalogue_->state_->creator_numbers;
  const auto found = numbers.find(name);
  return found == numbers.end() ? std::nullopt : std::optional(found->second);
}

std::span<const ItemIx> Catalogue::View::of_creator(uint32_t creator) const {
  return catalogue_->state_->by_creator.at(creator);
}

uint64_t Catalogue::View::version() const { return catalogue_->state_->version; }

size_t Catalogue::View::category_numbers() const {
  return catalogue_->state_->category_numbers.size();
}

const ItemBitmap* Catalogue::View::category(std::string_view name) const {
  const auto found = catalogue_->state_->categories.find(name);
  return found == catalogue_->state_->categories.end() ? nullptr : &found->second.items;
}

std::vector<std::string> Catalogue::View::categories() const {
  std::vector<std::string> names;
  for (const auto& [name, category] : catalogue_->state_->categories) names.push_back(name);
  return names;
}

const ItemColumn* Catalogue::View::column(std::string_view field) const {
  const auto found = catalogue_->state_->columns.find(field);
  return found == catalogue_->state_->columns.end() ? nullptr : &found->second;
}

const ItemColumn* Catalogue::View::attribute(std::string_view name) const {
  const auto found = catalogue_->state_->attributes.find(name);
  return found == catalogue_->state_->attributes.end() ? nullptr : &found->second;
}

std::vector<std::string> Catalogue::View::attributes() const {
  std::vector<std::string> names;
  for (const auto& [name, column] : catalogue_->state_->attributes) names.push_back(name);
  return names;
}

void Catalogue::View::each_date(const std::function<void(const ItemDates&)>& visit) const {
  for (const Restricted& item : catalogue_->state_->restricted) {
    visit({item.item, item.released, item.expires});
  }
}

std::vector<ItemIx> Catalogue::View::unavailable(TimeUs now) const {
  std::vector<ItemIx> items;
  for (const Restricted& item : catalogue_->state_->restricted) {
    if (!item.available(now)) items.push_back(item.item);
  }
  return items;
}

}  // namespace palate
