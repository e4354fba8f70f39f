#include "operate/verify.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/hash.h"
#include "base/progress.h"
#include "base/stop.h"
#include "events/block.h"
#include "features/item_popularity.h"
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
    TRY(damage(read_log()));
    TRY(damage(compare_users()));
    TRY(damage(compare_popularity()));
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
      for (size_t i = 0; i < identities.size(); ++i) seen.push_back({identities[i], first + i});
    }));
    out_.events = seen.size();
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
        if (out_.user_records++ < users_folded_) profiles_[user.id] = std::move(user);
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
        if (row.item.empty() || row.type.value >= types_.size()) continue;
        const float preference = types_.preference(row.type, row.value);
        if (preference == 0) continue;
        const auto item = items.find(row.item);
        if (!item) {
          find(fmt::format("event {}: item '{}' is not in the item log", first + i, row.item));
          continue;
        }
        if (pass == 0 && preference > 0) {
          const auto change = ItemPopularity::change(*item, preference, row.ts, row.received);
          popularity_.add({&change, 1});
        }
        if (hash64(row.user) % passes != pass) continue;
        fold_event(states[std::string(row.user)],
                   {*item, row.type, static_cast<float>(row.value), preference, row.ts, first + i},
                   options_.history);
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

  Status compare_popularity() {
    const size_t items = data_.state().catalogue().view().size();
    return data_.store().scan("i", [&](std::string_view key, std::string_view value) {
      uint32_t ix = 0;
      for (const char c : key.substr(1)) ix = ix << 8 | static_cast<uint8_t>(c);
      ++out_.popularity;
      if (ix >= items || popularity_.encode(ItemIx{ix}) != value) {
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
  ItemPopularity popularity_;
  Verification out_;
};

}  // namespace

Result<Verification> verify(DataDirectory& data, const EventTypes& types,
                            const VerifyOptions& options) {
  return Verifier(data, types, options).run();
}

}  // namespace palate
