#include "operate/verify.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/hash.h"
#include "base/progress.h"
#include "base/stop.h"
#include "events/block.h"
#include "events/rating_types.h"
#include "features/item_popularity.h"
#include "features/resolve.h"
#include "features/user_side.h"
#include "ingest/prepared_events.h"
#include "registry/registry.h"

namespace palate {
namespace {

constexpr size_t kFindingsMax = 100;
// Users whose states are held at once: bounds memory at some hundred megabytes.
constexpr uint64_t kEventsTogether = 4'000'000;

class Verifier {
 public:
  Verifier(DataDirectory& data, const EventTypes& types, const VerifyOptions& options)
      : data_(data), types_(types), options_(options) {}

  Result<Verification> run() {
    out_.directory = data_.root().string();
    for (const Position& at : data_.state().as_of()) {
      if (at.stream == Stream::kEvents) out_.folded = at.offset;
      if (at.stream == Stream::kUsers) users_folded_ = at.offset;
    }
    for (const Position& at : TRY(data_.log().begins())) {
      if (at.stream == Stream::kEvents) out_.dropped = at.offset;
    }
    TRY(damage(read_log()));
    if (out_.dropped == 0) {
      TRY(damage(compare_users()));
      TRY(damage(compare_popularity()));
    }
    TRY(damage(read_models()));
    return std::move(out_);
  }

 private:
  void find(std::string what) {
    if (out_.findings.size() < kFindingsMax) out_.findings.push_back(std::move(what));
  }

  // An error of what is verified is a finding; only a stop ends everything.
  Status damage(Status status) {
    if (status || status.error().code == Code::kCancelled) return status;
    find(status.error().message);
    return {};
  }

  template <class Visit>
  Status each_event(uint64_t end, const Visit& visit) {
    Progress progress("verifying", end, "events");
    return data_.log().read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
      TRY(check_stop(options_.stop));
      const auto batch = decode_events(block.bytes, types_);
      if (!batch) return std::unexpected(batch.error().within(to_string(block.first)));
      visit(*batch, block.first.offset);
      progress.add(batch->rows.size());
      return {};
    });
  }

  Status read_log() {
    struct Seen {
      Hash128 identity;
      uint64_t offset;
    };
    std::vector<Seen> seen;
    TRY(each_event(out_.folded, [&](const EventBatch& batch, uint64_t first) {
      const std::vector<Hash128> identities = identities_of(batch.rows, types_);
      for (size_t i = 0; i < identities.size(); ++i) {
        if (batch.rows[i].user.empty()) {
          ++out_.erased;
        } else {
          seen.push_back({identities[i], first + i});
        }
      }
    }));
    out_.events = seen.size() + out_.erased;
    std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
      return std::tie(a.identity.words, a.offset) < std::tie(b.identity.words, b.offset);
    });
    for (size_t i = 1; i < seen.size(); ++i) {
      const bool twice = seen[i].identity.words == seen[i - 1].identity.words &&
                         seen[i].offset - seen[i - 1].offset < options_.dedup_events;
      if (!twice) continue;
      ++out_.repeated;
      find(fmt::format("events {} and {} of the log are the same one", seen[i - 1].offset,
                       seen[i].offset));
    }
    TRY(data_.log().read({Stream::kItems, 0, 0}, [&](const EventLog::Block& block) -> Status {
      out_.items += TRY(decode_items(block.bytes)).size();
      return {};
    }));
    return data_.log().read({Stream::kUsers, 0, 0}, [&](const EventLog::Block& block) -> Status {
      for (UserRecord& user : TRY(decode_users(block.bytes))) {
        const bool folded = out_.user_records++ < users_folded_;
        if (user.id.empty()) {
          ++out_.erased;
        } else if (folded) {
          profiles_[user.id] = std::move(user);
        }
      }
      return {};
    });
  }

  Status compare_users() {
    if (out_.folded > out_.events) {
      return fail(Code::kCorrupt,
                  "{}: the state has {} events and the log {}: the end of the log is gone",
                  out_.directory, out_.folded, out_.events);
    }
    const uint64_t passes = out_.folded / kEventsTogether + 1;
    for (uint64_t pass = 0; pass < passes; ++pass) TRY(compare_some(pass, passes));
    const uint64_t stored = TRY(data_.state().users_count());
    if (stored != out_.users) {
      find(fmt::format("the state has {} users, the log makes {}", stored, out_.users));
    }
    return {};
  }

  [[nodiscard]] UserRules rules() const { return {&types_, options_.history, &options_.features}; }

  // Nothing for what says nothing to the state.
  std::optional<HistoryEntry> entry_of(const EventView& row, uint64_t offset,
                                       const Catalogue::View& items) {
    if (row.type.value >= types_.size()) return std::nullopt;
    const float preference = row.item.empty() ? 0 : types_.preference(row.type, row.value);
    const bool kept =
        !row.item.empty() && says_something(types_.at(row.type), preference, row.value);
    if (!kept && !options_.features.keeps_activity()) return std::nullopt;
    const auto item = row.item.empty() ? std::nullopt : items.find(row.item);
    if (!item && kept) {
      find(fmt::format("event {}: item '{}' is not in the item log", offset, row.item));
      return std::nullopt;
    }
    return history_entry(row, item.value_or(ItemIx{}), preference, offset);
  }

  // With trust every event weighs as its user's past and its item's say, so all of them are kept.
  void add_popularity(const EventView& row, const HistoryEntry& entry,
                      const Catalogue::View& items) {
    if (!options_.features.trust) {
      if (entry.preference <= 0) return;
      const auto change =
          ItemPopularity::change(entry.item, entry.preference, row.ts, row.received);
      popularity_.add({&change, 1});
      return;
    }
    EventWeight weight;
    std::vector<LikedTogether> ignored;
    ItemSide side{entry.offset, {&weight, 1}, &ignored};
    const HistoryLimits little{.events_max = 1, .consumed_max = 1};
    fold_user(everybody_[std::string(row.user)], {&entry, 1}, {&types_, little, &options_.features},
              &side);
    const Signal signal = signal_of(entry, row.received, {});
    std::vector<ItemIx> changed;
    fold_item_side({{&signal, 1}, entry.offset, {&weight, 1}, {}, &items},
                   {&popularity_, &signals_}, changed);
  }

  Status compare_some(uint64_t pass, uint64_t passes) {
    std::unordered_map<std::string, UserState> states;
    for (const auto& [id, profile] : profiles_) {
      if (hash64(id) % passes != pass) continue;
      UserState& state = states[id];
      state.profile = profile;
      state.has_profile = true;
    }
    Status status;
    const Catalogue::View items = data_.state().catalogue().view();
    TRY(each_event(out_.folded, [&](const EventBatch& batch, uint64_t first) {
      for (size_t i = 0; i < batch.rows.size() && first + i < out_.folded; ++i) {
        const EventView& row = batch.rows[i];
        const auto entry = entry_of(row, first + i, items);
        if (!entry) continue;
        if (pass == 0) add_popularity(row, *entry, items);
        if (hash64(row.user) % passes != pass) continue;
        fold_user(states[std::string(row.user)], {&*entry, 1}, rules(), nullptr);
      }
    }));
    for (auto& [name, state] : states) TRY(compare_user(name, state));
    return {};
  }

  Status compare_user(const std::string& name, UserState& expected) {
    ++out_.users;
    expected.name = name;
    const auto stored = data_.state().user(name);
    if (stored && *stored &&
        encode_user_state(**stored, types_) == encode_user_state(expected, types_)) {
      return {};
    }
    ++out_.users_different;
    find(fmt::format("user '{}': the stored state {}", name,
                     !stored   ? "cannot be read: " + stored.error().message
                     : *stored ? "is not what the log says"
                               : "is missing"));
    return {};
  }

  // What forgotten users liked stays in the sums of the state, and is not in the log any more.
  [[nodiscard]] bool same_popularity(ItemIx item, std::string_view stored) const {
    if (popularity_.encode(item) == stored) return true;
    ItemPopularity state;
    if (out_.erased == 0 || !state.decode(item, stored)) return false;
    const TimeUs at = now();
    return state.read(item, at) >= popularity_.read(item, at);
  }

  Status compare_popularity() {
    const size_t items = data_.state().catalogue().view().size();
    return data_.store().scan("i", [&](std::string_view key, std::string_view value) {
      uint32_t ix = 0;
      for (const char c : key.substr(1)) ix = ix << 8 | static_cast<uint8_t>(c);
      ++out_.popularity;
      if (ix >= items || !same_popularity(ItemIx{ix}, value)) {
        ++out_.popularity_different;
        find(fmt::format("the popularity of item {} is not what the log says", ix));
      }
      return true;
    });
  }

  Status read_models() {
    const Registry registry(data_.root());
    const auto release = registry.current();
    if (!release) find(release.error().message);
    if (release && *release) ++out_.releases;
    for (const std::string& kind : TRY(registry.kinds())) {
      for (const std::string& version : TRY(registry.versions(kind))) {
        TRY(check_stop(options_.stop));
        ++out_.artefacts;
        if (const auto opened = registry.open(kind, version); !opened) {
          find(opened.error().message);
        }
      }
    }
    return {};
  }

  DataDirectory& data_;
  const EventTypes& types_;
  const VerifyOptions& options_;
  uint64_t users_folded_ = 0;
  std::map<std::string, UserRecord> profiles_;
  std::unordered_map<std::string, UserState> everybody_;  // with trust
  ItemPopularity popularity_;
  ItemSignals signals_{options_.features, types_};  // with trust
  Verification out_;
};

}  // namespace

Result<Verification> verify(DataDirectory& data, const EventTypes& types,
                            const VerifyOptions& options) {
  return Verifier(data, types, options).run();
}

}  // namespace palate
