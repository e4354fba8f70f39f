#include "evaluate/replay.h"

#include <algorithm>
#include <atomic>

#include "evaluate/trained_on.h"
#include "features/catalogue.h"
#include "math/metrics.h"
#include "recommend/draft.h"

namespace palate {
namespace {

constexpr size_t kBlockUsers = 32;

struct Moment {
  uint64_t offset;
  TimeUs ts;
};

std::vector<Moment> moments_of(const Dataset& data) {
  std::vector<Moment> moments;
  moments.reserve(data.interactions());
  for (uint32_t user = 0; user < data.users(); ++user) {
    for (const HistoryEntry& row : data.of({user})) moments.push_back({row.offset, row.ts});
  }
  std::ranges::sort(moments, {}, &Moment::offset);
  return moments;
}

// Where a step that starts at `from` begins in the log.
uint64_t position_of(const std::vector<Moment>& moments, TimeUs from) {
  int64_t misplaced = 0, fewest = 0;  // less than if all rows lay behind
  size_t best = 0;
  for (size_t i = 0; i < moments.size(); ++i) {
    misplaced += moments[i].ts < from ? -1 : 1;
    if (misplaced >= fewest) continue;
    fewest = misplaced;
    best = i + 1;
  }
  return best < moments.size() ? moments[best].offset : moments.back().offset + 1;
}

Status check_options(const Dataset& data, const ReplayOptions& options) {
  if (data.time() != TimeKind::kReal) {
    return fail(Code::kInvalidArgument,
                "a replay walks the days of real times, which this data does not have; leave the "
                "last row of each user out, or hold a share out");
  }
  if (data.interactions() == 0) {
    return fail(Code::kInvalidArgument, "there are no interactions to replay; import events first");
  }
  constexpr int64_t kYearS = 366 * int64_t{86'400};
  const auto in = [](size_t value, size_t max) { return value >= 1 && value <= max; };
  if (options.step_s < 60 || options.step_s > kYearS || !in(options.steps, kReplayStepsMax) ||
      !in(options.train_every, kReplayStepsMax) || !in(options.requests_max, 1000)) {
    return fail(Code::kInvalidArgument,
                "a replay has 1 to {0} steps of 60 s to a year, trains every 1 to {0} of them, and "
                "asks 1 to 1000 times for a user",
                kReplayStepsMax);
  }
  return {};
}

// One user on the way through a step.
struct Asked {
  UserIx user;
  std::vector<uint32_t> wanted;  // a request each
  size_t first = 0;              // of the block's online requests
  std::optional<UserRecord> profile = {};
};

// Memory of one worker. Requests point into the histories, bitmaps and profiles beside them.
struct Block {
  std::vector<Asked> asked;
  std::vector<std::vector<HistoryEntry>> histories;
  std::vector<ItemBitmap> blocked;
  std::vector<TopKRequest> requests;  // all online ones, then one frozen a user
  Scratch scratch;
  // Filled in the order of users, then put together in the order of blocks.
  StepServed served;
};

class Server {
 public:
  explicit Server(const ServeJob& job) : job_(job), k_(std::ranges::max(job.options->ks)) {}

  Result<StepServed> serve() {
    const size_t blocks = (job_.data->users() + kBlockUsers - 1) / kBlockUsers;
    std::vector<StepServed> served(blocks);
    std::vector<Block> memory(job_.pool->size());
    TRY(job_.pool->for_blocks(
        blocks,
        [&](size_t block, size_t worker) {
          serve_block(block, memory[worker]);
          served[block] = std::move(memory[worker].served);
        },
        job_.stop));
    StepServed all;
    for (const StepServed& part : served) {
      all.users.insert(all.users.end(), part.users.begin(), part.users.end());
      all.online.insert(all.online.end(), part.online.begin(), part.online.end());
      all.frozen.insert(all.frozen.end(), part.frozen.begin(), part.frozen.end());
      all.requests += part.requests;
      all.requests_fallback += part.requests_fallback;
    }
    return all;
  }

 private:
  void serve_block(size_t number, Block& block) {
    block.asked.clear();
    block.histories.clear();
    block.blocked.clear();
    block.requests.clear();
    block.served = {};
    const size_t first = number * kBlockUsers;
    const size_t last = std::min(first + kBlockUsers, job_.data->users());
    for (size_t user = first; user < last; ++user) ask({static_cast<uint32_t>(user)}, block);
    const size_t online = block.histories.size();
    for (const Asked& asked : block.asked) add(frozen_state(asked.user), frozen_now(), block);
    point(block, online);
    score(block, answer(block, online), online);
  }

  // The requests of one user from the states just before each of them.
  void ask(UserIx user, Block& block) {
    const auto rows = job_.data->of(user);
    const auto begin = std::ranges::lower_bound(rows, job_.step.begin, {}, &HistoryEntry::offset);
    const auto end = std::ranges::lower_bound(rows, job_.step.end, {}, &HistoryEntry::offset);
    if (begin == end) return;
    UserState state;
    fold_events(state, {rows.begin(), begin}, job_.options->limits);
    Asked asked{.user = user, .wanted = {}, .first = block.histories.size()};
    for (auto row = begin; row != end && asked.wanted.size() < job_.options->requests_max; ++row) {
      const bool is_new = !std::ranges::binary_search(state.consumed, row->item);
      if (row->preference > 0 && is_new) {
        asked.wanted.push_back(row->item.value);
        add(state, row->ts, block);
      }
      fold_event(state, *row, job_.options->limits);
    }
    if (asked.wanted.empty()) return;
    if (job_.profile_of) asked.profile = job_.profile_of(job_.data->user_id(user));
    block.asked.push_back(std::move(asked));
  }

  [[nodiscard]] UserState frozen_state(UserIx user) const {
    const auto rows = job_.data->of(user);
    const auto end =
        std::ranges::lower_bound(rows, job_.trained_at.begin, {}, &HistoryEntry::offset);
    UserState state;
    fold_events(state, {rows.begin(), end}, job_.options->limits);
    return state;
  }
  [[nodiscard]] TimeUs frozen_now() const { return job_.trained_at.from; }

  // As serving asks: the newest events, without what was consumed.
  void add(const UserState& state, TimeUs now, Block& block) const {
    const size_t read = std::min(state.history.size(), kHistoryWindow);
    block.histories.emplace_back(state.history.end() - static_cast<ptrdiff_t>(read),
                                 state.history.end());
    ItemBitmap& blocked = block.blocked.emplace_back((job_.data->items() + 63) / 64, 0);
    for (const ItemIx item : state.consumed) {
      blocked[item.value / 64] |= uint64_t{1} << item.value % 64;
    }
    TopKRequest request;
    request.query.now = now;
    request.k = k_;
    block.requests.push_back(request);
  }

  // Spans, once the vectors that they point into have stopped growing.
  void point(Block& block, size_t online) const {
    size_t next = 0;
    for (size_t a = 0; a < block.asked.size(); ++a) {
      const Asked& asked = block.asked[a];
      const UserId id = job_.data->user_id(asked.user);
      const UserRecord* profile = asked.profile ? &*asked.profile : nullptr;
      const auto tell = [&](Query& query) {
        query.user = id;
        query.profile = profile;
      };
      for (size_t i = 0; i < asked.wanted.size(); ++i) tell(block.requests[next++].query);
      tell(block.requests[online + a].query);
    }
    for (size_t i = 0; i < block.requests.size(); ++i) {
      block.requests[i].query.history = block.histories[i];
      block.requests[i].filter.blocked = block.blocked[i];
    }
  }

  // A list a request.
  std::vector<std::vector<Scored>> answer(Block& block, size_t online) const {
    std::vector<TopKRequest> own, others;
    std::vector<size_t> own_at, others_at;
    for (size_t i = 0; i < block.requests.size(); ++i) {
      const bool can = job_.model->can_answer(block.requests[i].query);
      (can ? own : others).push_back(block.requests[i]);
      (can ? own_at : others_at).push_back(i);
      if (!can && i < online) ++block.served.requests_fallback;
    }
    std::vector<std::vector<Scored>> lists(block.requests.size());
    const auto take = [&](const Model& model, std::span<const TopKRequest> asked,
                          std::span<const size_t> at) {
      auto answers = model.top_k(asked, block.scratch);
      for (size_t i = 0; i < answers.size(); ++i) lists[at[i]] = std::move(answers[i]);
    };
    if (!own.empty()) take(*job_.model, own, own_at);
    if (!others.empty() && job_.fallback != nullptr) take(*job_.fallback, others, others_at);
    return lists;
  }

  void score(Block& block, const std::vector<std::vector<Scored>>& lists, size_t online) const {
    StepServed& served = block.served;
    for (size_t a = 0; a < block.asked.size(); ++a) {
      const Asked& asked = block.asked[a];
      served.users.push_back(asked.user);
      served.requests += asked.wanted.size();
      const size_t row = served.online.size();
      served.online.resize(row + columns());
      served.frozen.resize(row + columns());
      for (size_t i = 0; i < asked.wanted.size(); ++i) {
        add_request(lists[asked.first + i], asked.wanted[i], served.online.data() + row);
        add_request(lists[online + a], asked.wanted[i], served.frozen.data() + row);
      }
    }
  }

  void add_request(const std::vector<Scored>& list, uint32_t wanted, double* sums) const {
    std::vector<uint32_t> ranked;
    for (const Scored& scored : list) ranked.push_back(scored.item.value);
    const auto& ks = job_.options->ks;
    sums[0] += 1;
    for (size_t i = 0; i < ks.size(); ++i) {
      const RankingMetrics m = ranking_metrics({.ranked = ranked, .relevant = {&wanted, 1}}, ks[i]);
      sums[1 + i] += m.hit;
      sums[1 + ks.size() + i] += m.ndcg;
      sums[1 + 2 * ks.size() + i] += m.reciprocal_rank;
    }
  }
  [[nodiscard]] size_t columns() const { return 1 + kReplayMetrics * job_.options->ks.size(); }

  const ServeJob& job_;
  const size_t k_;
};

}  // namespace

Result<std::vector<ReplayStep>> replay_steps(const Dataset& data, const ReplayOptions& options) {
  TRY(check_options(data, options));
  const auto moments = moments_of(data);
  // The last step is the last whole one that holds a row, counted from midnight UTC for days. Of
  // the newest rows a thousandth may have a clock that runs ahead.
  std::vector<TimeUs> times;
  for (const Moment& moment : moments) times.push_back(moment.ts);
  const auto newest = times.begin() + static_cast<ptrdiff_t>((times.size() - 1) * 999 / 1000);
  std::nth_element(times.begin(), newest, times.end());
  const int64_t step_us = options.step_s * kSecondUs;
  const int64_t last = newest->us / step_us * step_us;
  std::vector<ReplayStep> steps;
  for (size_t i = 0; i < options.steps; ++i) {
    const TimeUs from{last - step_us * static_cast<int64_t>(options.steps - 1 - i)};
    const uint64_t begin = position_of(moments, from);
    if (!steps.empty()) steps.back().end = begin;
    steps.push_back({from, begin, moments.back().offset + 1, i % options.train_every == 0});
  }
  if (steps.front().begin <= moments.front().offset) {
    return fail(Code::kInvalidArgument,
                "the replay would begin at {}, where nothing has happened yet; walk fewer than {} "
                "steps, or shorter ones",
                format_rfc3339(steps.front().from), options.steps);
  }
  return steps;
}

Dataset rows_before(const Dataset& data, uint64_t position) {
  std::vector<bool> keep;
  keep.reserve(data.interactions());
  for (uint32_t user = 0; user < data.users(); ++user) {
    for (const HistoryEntry& row : data.of({user})) keep.push_back(row.offset < position);
  }
  return data.only(keep);
}

Status check_replay_leak(const Dataset& past, uint64_t position, const DatasetView::Seen& seen) {
  const auto allowed = DatasetView(past).seen();
  if (seen == allowed && seen.newest_offset < position) return {};
  return fail(Code::kInternal,
              "the trainer saw {} rows up to offset {}, where {} rows up to {} lie before {}. "
              "Figures of this run mean nothing",
              seen.interactions, seen.newest_offset, allowed.interactions, allowed.newest_offset,
              position);
}

Result<StepServed> serve_step(const ServeJob& job) { return Server(job).serve(); }

}  // namespace palate
