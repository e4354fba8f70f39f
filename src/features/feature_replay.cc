#include "features/feature_replay.h"

#include <optional>
#include <unordered_map>
#include <vector>

#include "base/stop.h"
#include "events/block.h"
#include "events/rating_types.h"
#include "features/resolve.h"
#include "features/user_side.h"

namespace palate {
namespace {

uint64_t end_of(const AsOf& as_of, Stream stream) {
  for (const Position& position : as_of) {
    if (position.stream == stream && position.partition == 0) return position.offset;
  }
  return 0;
}

class Pass {
 public:
  Pass(const FeatureReplay::Parts& parts, std::span<const AsOf> moments,
       const FeatureReplay::Visit& visit)
      : parts_(parts),
        moments_(moments),
        visit_(visit),
        signals_(parts.features, *parts.types),
        has_signals_(parts.features.keeps_activity()) {}

  Status run(const std::stop_token& stop) {
    TRY(read_records());
    TRY(parts_.log->read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
      TRY(check_stop(stop));
      const EventBatch batch = TRY(decode_events(block.bytes, *parts_.types));
      for (size_t i = 0; i < batch.rows.size(); ++i) {
        TRY(visit_moments(block.first.offset + i));
        TRY(fold(batch.rows[i], block.first.offset + i));
      }
      end_ = block.first.offset + batch.rows.size();
      return {};
    }));
    TRY(visit_moments(end_));
    if (next_ == moments_.size()) return {};
    return fail(Code::kInvalidArgument, "the log ends at {} events, before one of the moments",
                end_);
  }

 private:
  Status read_records() {
    TRY(parts_.log->read({Stream::kItems, 0, 0}, [&](const EventLog::Block& block) -> Status {
      for (ItemRecord& item : TRY(decode_items(block.bytes))) items_.push_back(std::move(item));
      return {};
    }));
    return parts_.log->read({Stream::kUsers, 0, 0}, [&](const EventLog::Block& block) -> Status {
      for (UserRecord& user : TRY(decode_users(block.bytes))) users_.push_back(std::move(user));
      return {};
    });
  }

  Status apply_item() {
    const ItemRecord& record = items_[items_applied_++];
    ItemTraits before;
    {
      const Catalogue::View view = catalogue_.view();
      before = view.traits(view.find(record.id).value_or(ItemIx{}));
    }
    const ItemIx item = TRY(catalogue_.apply(record));
    signals_.move(item, before, catalogue_.view().traits(item));
    return {};
  }

  Status visit_moments(uint64_t offset) {
    for (; next_ < moments_.size() && end_of(moments_[next_], Stream::kEvents) == offset; ++next_) {
      const AsOf& as_of = moments_[next_];
      while (items_applied_ < std::min<uint64_t>(end_of(as_of, Stream::kItems), items_.size())) {
        TRY(apply_item());
      }
      for (; users_applied_ < std::min<uint64_t>(end_of(as_of, Stream::kUsers), users_.size());
           ++users_applied_) {
        if (users_[users_applied_].id.empty()) continue;  // erased
        UserState& state = state_of(users_[users_applied_].id);
        state.profile = users_[users_applied_];
        state.has_profile = true;
      }
      const Catalogue::View items = catalogue_.view();
      const ItemSignals::View signals = signals_.view();
      const FeatureReplay::Known known{
          .sources = {parts_.types, &items, &popularity_, has_signals_ ? &signals : nullptr},
          .user = [&](std::string_view user) {
            const auto there = states_.find(parts_.hash->user(user));
            return there == states_.end() ? nullptr : &there->second;
          }};
      TRY(visit_(next_, known));
    }
    return {};
  }

  UserState& state_of(std::string_view name) {
    UserState& state = states_[parts_.hash->user(name)];
    state.name = name;
    return state;
  }

  // An item is logged before the events about it.
  Result<ItemIx> item_of(std::string_view name) {
    for (;;) {
      const auto known = name.empty() ? std::nullopt : catalogue_.view().find(name);
      if (known || name.empty() || items_applied_ == items_.size()) return known.value_or(ItemIx{});
      TRY(apply_item());
    }
  }

  Status fold(const EventView& row, uint64_t offset) {
    if (row.user.empty() || row.type.value >= parts_.types->size()) return {};  // empty: erased
    const float preference = row.item.empty() ? 0 : parts_.types->preference(row.type, row.value);
    const bool kept =
        !row.item.empty() && says_something(parts_.types->at(row.type), preference, row.value);
    if (!kept && !has_signals_) return {};
    const ItemIx item = TRY(item_of(row.item));
    if (kept && !item.valid()) {
      return fail(Code::kCorrupt, "event {}: item '{}' is not in the item log", offset, row.item);
    }
    EventWeight weight;
    std::vector<LikedTogether> liked;
    ItemSide side{offset, {&weight, 1}, &liked};
    const HistoryEntry entry = history_entry(row, item, preference, offset);
    fold_user(state_of(row.user), {&entry, 1}, {parts_.types, parts_.limits, &parts_.features},
              &side);
    const Signal signal = signal_of(entry, row.received, signals_.locality(row.context));
    std::vector<ItemIx> changed;
    const Catalogue::View items = catalogue_.view();
    fold_item_side({{&signal, 1}, offset, {&weight, 1}, liked, &items}, {&popularity_, &signals_},
                   changed);
    return {};
  }

  const FeatureReplay::Parts& parts_;
  std::span<const AsOf> moments_;
  const FeatureReplay::Visit& visit_;
  std::vector<ItemRecord> items_;
  std::vector<UserRecord> users_;
  size_t items_applied_ = 0, users_applied_ = 0, next_ = 0;
  uint64_t end_ = 0;
  std::unordered_map<UserId, UserState> states_;
  Catalogue catalogue_;
  ItemPopularity popularity_;
  ItemSignals signals_;
  bool has_signals_;
};

}  // namespace

Status FeatureReplay::run(std::span<const AsOf> moments, const Visit& visit,
                          const std::stop_token& stop) {
  return Pass(parts_, moments, visit).run(stop);
}

}  // namespace palate
