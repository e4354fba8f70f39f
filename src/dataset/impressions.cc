#include "dataset/impressions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>

#include "base/hash.h"
#include "base/stop.h"
#include "events/block.h"

namespace palate {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

uint64_t key_of(std::string_view a, std::string_view b) { return hash64(b, hash64(a)); }

// The newest of what was shown under a key; entries that no window reaches any more are dropped.
class Newest {
 public:
  explicit Newest(int64_t keep_us) : keep_us_(keep_us) {}

  void set(uint64_t key, uint32_t value, TimeUs ts) {
    entries_[key] = {value, ts.us};
    newest_us_ = std::max(newest_us_, ts.us);
    if (entries_.size() < sweep_at_) return;
    std::erase_if(entries_, [&](const auto& one) { return one.second.us < newest_us_ - keep_us_; });
    sweep_at_ = std::max(kSweepMin, 2 * entries_.size());
  }
  [[nodiscard]] const uint32_t* find(uint64_t key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }

 private:
  static constexpr size_t kSweepMin = 1 << 16;
  struct Entry {
    uint32_t value;
    int64_t us;
  };
  std::unordered_map<uint64_t, Entry> entries_;
  int64_t keep_us_, newest_us_ = std::numeric_limits<int64_t>::min();
  size_t sweep_at_ = kSweepMin;
};

int64_t longest_window(std::span<const Objective> objectives) {
  int64_t longest = 3600 * kSecondUs;
  for (const Objective& one : objectives) longest = std::max(longest, one.window_us);
  return longest;
}

class Join {
 public:
  Join(const ImpressionSource& source, std::span<const Objective> objectives, bool alone)
      : source_(source),
        objectives_(objectives),
        alone_(alone),
        by_user_(longest_window(objectives)),
        by_request_(longest_window(objectives)),
        requests_(longest_window(objectives)) {}

  void add(const EventView& row, uint64_t offset) {
    if (row.user.empty() || row.type.value >= source_.types->size()) return;
    log_end_ = std::max(log_end_, row.received.us);
    if (row.item.empty()) return;
    if (source_.types->at(row.type).role == Role::kExposure) {
      show(row, offset);
      return;
    }
    for (size_t o = 0; o < objectives_.size(); ++o) {
      if (objectives_[o].type == row.type) follow(row, offset, o);
    }
  }

  Impressions take() && {
    forget_unfinished();
    sort_by_slate();
    return std::move(out_);
  }

 private:
  struct Shown {
    uint32_t slate;
    TimeUs ts, received;
  };

  uint32_t user_of(std::string_view name) {
    const auto [at, is_new] =
        user_numbers_.try_emplace(std::string(name), static_cast<uint32_t>(out_.users.size()));
    if (is_new) out_.users.emplace_back(name);
    return at->second;
  }

  uint32_t add_slate(const EventView& row, uint64_t offset) {
    out_.slates.push_back({offset, row.ts, user_of(row.user), 0});
    return static_cast<uint32_t>(out_.slates.size() - 1);
  }

  uint32_t slate_of(const EventView& row, uint64_t offset) {
    if (row.request_id.empty()) return add_slate(row, offset);
    const uint64_t key = key_of(row.user, row.request_id);
    if (const uint32_t* known = requests_.find(key)) return *known;
    const uint32_t slate = add_slate(row, offset);
    requests_.set(key, slate, row.ts);
    return slate;
  }

  std::optional<uint32_t> add_row(const EventView& row, uint32_t slate) {
    const auto item = source_.catalogue->view().find(row.item);
    if (!item) {
      ++out_.unknown_items;
      return std::nullopt;
    }
    const auto index = static_cast<uint32_t>(out_.rows.size());
    const bool randomized = row.context.contains("\"randomized\":true");
    out_.rows.push_back({*item, row.slot, randomized});
    out_.labels.resize(out_.labels.size() + objectives_.size(), 0);
    shown_.push_back({slate, row.ts, row.received});
    ++out_.slates[slate].rows;
    return index;
  }

  void show(const EventView& row, uint64_t offset) {
    const auto index = add_row(row, slate_of(row, offset));
    if (!index) return;
    by_user_.set(key_of(row.user, row.item), *index, row.ts);
    if (!row.request_id.empty()) {
      by_request_.set(key_of(row.request_id, row.item), *index, row.ts);
    }
  }

  [[nodiscard]] bool counts(const EventView& row, const Objective& objective) const {
    if (!std::isnan(objective.least)) return row.value >= objective.least;
    const bool positive = source_.types->at(row.type).role == Role::kPositive;
    return !positive || source_.types->preference(row.type, row.value) > 0;
  }

  void follow(const EventView& row, uint64_t offset, size_t objective) {
    if (!counts(row, objectives_[objective])) return;
    const uint32_t* shown =
        row.request_id.empty() ? nullptr : by_request_.find(key_of(row.request_id, row.item));
    if (shown == nullptr) shown = by_user_.find(key_of(row.user, row.item));
    const auto within = [&](uint32_t index) {
      const int64_t after = row.ts.us - shown_[index].ts.us;
      return after >= 0 && after <= objectives_[objective].window_us;
    };
    if (shown != nullptr && within(*shown)) {
      out_.labels[*shown * objectives_.size() + objective] = 1;
      return;
    }
    ++out_.unanswering;
    if (!alone_) return;
    if (const auto index = add_row(row, add_slate(row, offset))) {
      out_.labels[*index * objectives_.size() + objective] = 1;
      by_user_.set(key_of(row.user, row.item), *index, row.ts);
    }
  }

  // What was answered early would else be known, and what was not would not: a label counts once
  // nobody can change it, whichever it is.
  void forget_unfinished() {
    for (size_t row = 0; row < shown_.size(); ++row) {
      for (size_t o = 0; o < objectives_.size(); ++o) {
        if (log_end_ - shown_[row].received.us < objectives_[o].window_us) {
          out_.labels[row * objectives_.size() + o] = kUnknown;
        }
      }
    }
  }

  void sort_by_slate() {
    std::vector<size_t> next(out_.slates.size() + 1, 0);
    for (size_t s = 0; s < out_.slates.size(); ++s) next[s + 1] = next[s] + out_.slates[s].rows;
    std::vector<Impressions::Row> rows(out_.rows.size());
    std::vector<float> labels(out_.labels.size());
    const size_t width = objectives_.size();
    for (size_t row = 0; row < rows.size(); ++row) {
      const size_t to = next[shown_[row].slate]++;
      rows[to] = out_.rows[row];
      std::copy_n(out_.labels.begin() + static_cast<ptrdiff_t>(row * width), width,
                  labels.begin() + static_cast<ptrdiff_t>(to * width));
    }
    out_.rows = std::move(rows);
    out_.labels = std::move(labels);
    std::erase_if(out_.slates, [](const Impressions::Slate& slate) { return slate.rows == 0; });
  }

  const ImpressionSource& source_;
  std::span<const Objective> objectives_;
  bool alone_;
  Impressions out_;
  std::vector<Shown> shown_;  // by row, in the order of the log
  std::unordered_map<std::string, uint32_t> user_numbers_;
  Newest by_user_, by_request_, requests_;
  int64_t log_end_ = std::numeric_limits<int64_t>::min();
};

}  // namespace

Result<Impressions> read_impressions(const ImpressionSource& source,
                                     std::span<const Objective> objectives, bool alone,
                                     const std::stop_token& stop) {
  Join join(source, objectives, alone);
  TRY(source.log->read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    const EventBatch batch = TRY(decode_events(block.bytes, *source.types));
    for (size_t i = 0; i < batch.rows.size(); ++i) join.add(batch.rows[i], block.first.offset + i);
    return {};
  }));
  return std::move(join).take();
}

}  // namespace palate
