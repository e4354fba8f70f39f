#include "index/screened_scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "math/rows.h"

namespace palate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr size_t kRoomMin = 64;
constexpr size_t kRoomPerK = 6;
// What denormals round away of a sum of kScreenDimMax products.
constexpr double kDenormal = 0x1p-133;
constexpr double kRounded = 1.003;  // fp32 sums of kScreenDimMax products against exact ones
constexpr double kScoreMax = 1e37;  // above, fp32 may overflow on the way
constexpr float kSpreads = 4;       // standard deviations that a block is trusted to reach

bool has_bit(std::span<const uint64_t> bits, size_t i) {
  return i / 64 < bits.size() && (bits[i / 64] >> (i % 64) & 1) != 0;
}

struct Range {
  float low, high;
};

// Of what scores are at least. Four at a time: one minimum waits for the one before.
Range range_of(std::span<const ScreenedScan::Candidate> all) {
  constexpr size_t kLanes = 4;
  std::array<float, kLanes> low, high;
  low.fill(all[0].at_least);
  high = low;
  size_t i = 0;
  for (; i + kLanes <= all.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      low[lane] = std::min(low[lane], all[i + lane].at_least);
      high[lane] = std::max(high[lane], all[i + lane].at_least);
    }
  }
  for (; i < all.size(); ++i) {
    low[0] = std::min(low[0], all[i].at_least);
    high[0] = std::max(high[0], all[i].at_least);
  }
  return {std::ranges::min(low), std::ranges::max(high)};
}

// A number that at least k of the candidates reach, and few more than k: the lower end of the bin
// of the k-th largest. Counting takes a third of the time of std::nth_element, whose branches
// nobody can predict.
float threshold_of(std::span<const ScreenedScan::Candidate> all, size_t k) {
  constexpr size_t kBins = 256;
  const auto [low, high] = range_of(all);
  const float per_value = kBins / (high - low);
  if (!(per_value < 1e30F)) return low;  // all the same, or nearly
  std::array<uint32_t, kBins + 2> counts{};
  for (const auto& candidate : all) {
    ++counts[static_cast<size_t>((candidate.at_least - low) * per_value)];
  }
  size_t last = counts.size();
  for (size_t above = 0; above < k; above += counts[last]) --last;
  // What the roundings above and the one of this sum can lift it by is taken off.
  const float end = static_cast<float>(last) / per_value * (1 - 0x1p-20F);
  return std::nextafter(low + end, -std::numeric_limits<float>::infinity());
}

// More candidates than this after cutting down, and fp32 is as fast.
size_t candidates_max(size_t k, size_t items) { return std::max(4 * k + 256, items / 16); }

}  // namespace

ScreenedScan::ScreenedScan(const ScreenedRows& rows, std::span<const PanelQuery> queries,
                           Scratch& scratch)
    : rows_(rows), queries_(queries), scratch_(scratch) {
  const size_t width = 4 * screen_groups(rows.table_.dim);
  scratch.codes.assign(queries.size() * width, 0);
  if (scratch.states.size() < queries.size()) scratch.states.resize(queries.size());
  scratch.active.clear();
  for (size_t q = 0; q < queries.size(); ++q) {
    if (queries[q].best->k() == 0) continue;
    State& state = scratch.states[scratch.active.size()];
    state.codes = scratch.codes.data() + q * width;
    if (prepare(q, state)) {
      scratch.active.push_back(&state);
    } else {
      left_.push_back(q);
    }
  }
}

// False when no bound holds, or none that helps.
bool ScreenedScan::prepare(size_t query, State& state) {
  const std::span vector(queries_[query].vector, rows_.table_.dim);
  const size_t k = queries_[query].best->k(), items = rows_.order_.size();
  const auto [length, largest] = extent(vector);
  const double longest = rows_.longest_;
  const bool distance = rows_.options_.measure == Measure::kDistance;
  const double most = distance ? (length + longest) * (length + longest) : length * longest;
  if (!(std::max(length, most) < kScoreMax) || (length == 0 && !distance)) return false;
  if (k > items / 8) return false;
  state.query = query;
  state.step = step_of(largest, rows_.options_.kernel->query_code_max);
  state.length = length;
  state.lost = double{state.step} * quantize(vector, state.step, state.codes);
  int64_t sum = 0;
  for (size_t d = 0; d < vector.size(); ++d) sum += state.codes[d];
  state.offset = static_cast<double>(128 * sum);
  state.threshold = -kInfinity;
  state.room = std::max(kRoomMin, kRoomPerK * k);
  state.given_up = false;
  state.candidates.clear();
  return true;
}

// What a score in the block can be at most.
double ScreenedScan::reach(const State& state, const ScreenedRows::Block& block) const {
  if (rows_.options_.measure == Measure::kProduct) {
    return state.length * block.length * kRounded + kDenormal;
  }
  const double between =
      std::max({state.length * (1 - 1e-8) - block.longest, block.shortest - state.length, 0.0});
  return kDenormal - between * between / kRounded;
}

void ScreenedScan::run(ScanCounts& counts) {
  auto& active = scratch_.active;
  auto& group = scratch_.group;
  const bool distance = rows_.options_.measure == Measure::kDistance;
  const bool sorted = !rows_.gathered();
  const std::vector<State*> all = active;
  for (size_t b = 0; b < rows_.blocks_.size() && !active.empty(); ++b) {
    const auto& block = rows_.blocks_[b];
    // Blocks behind are shorter: worse for a product, and for the distance of what is longer.
    std::erase_if(active, [&](const State* state) {
      return state->given_up ||
             (sorted && (!distance || state->length * (1 - 1e-8) > block.longest) &&
              reach(*state, block) < state->threshold);
    });
    group.assign(active.begin(), active.end());
    if (distance || !sorted) {
      std::erase_if(group, [&](const State* s) { return reach(*s, block) < s->threshold; });
    }
    for (size_t q = 0; q < group.size(); q += kScreenTile) {
      scan_block(b, std::span(group).subspan(q, std::min(kScreenTile, group.size() - q)));
    }
    counts.screened += group.size() * ScreenedRows::kBlockItems;
  }
  finish(all, counts);
}

void ScreenedScan::finish(std::span<State* const> all, ScanCounts& counts) {
  for (State* state : all) {
    if (!state->given_up) {
      rescore(*state, counts);
    } else {
      left_.push_back(state->query);
    }
  }
}

void ScreenedScan::run_nearly(ScanCounts& counts) {
  const size_t blocks = rows_.blocks_.size();
  expect();
  for (size_t a = 0; a < scratch_.active.size(); ++a) {
    make_promises(std::span(scratch_.expected).subspan(a * blocks, blocks));
    scan_promising(*scratch_.active[a], counts);
  }
  finish(scratch_.active, counts);
}

// What the best of each block's rows likely score, a row of blocks a query. Some blocks at a time,
// which stay in the cache for all queries.
void ScreenedScan::expect() {
  constexpr size_t kAtOnce = 256;
  const size_t dim = rows_.table_.dim, width = padded(dim), blocks = rows_.blocks_.size();
  const size_t queries = scratch_.active.size();
  scratch_.vectors.assign(2 * queries * width, 0.0F);  // each with the squares of its values
  for (size_t a = 0; a < queries; ++a) {
    const float* const from = queries_[scratch_.active[a]->query].vector;
    float* const to = scratch_.vectors.data() + 2 * a * width;
    for (size_t d = 0; d < dim; ++d) {
      to[d] = from[d];
      to[width + d] = from[d] * from[d];
    }
  }
  scratch_.expected.resize(queries * blocks);
  constexpr size_t kComponents = ScreenedRows::kComponents;
  std::array<float, kAtOnce> variances{};
  std::array<float, kAtOnce * kComponents> along{};
  for (size_t first = 0; first < blocks; first += kAtOnce) {
    const size_t count = std::min(kAtOnce, blocks - first);
    const RowsView means{rows_.means_.data() + first * width, count, width};
    const RowsView components{rows_.components_.data() + first * kComponents * width,
                              count * kComponents, width};
    const RowsView besides{rows_.variances_.data() + first * width, count, width};
    for (size_t a = 0; a < queries; ++a) {
      const float* const vector = scratch_.vectors.data() + 2 * a * width;
      float* const expected = scratch_.expected.data() + a * blocks + first;
      rows_dot(means, vector, expected);
      rows_dot(components, vector, along.data());
      rows_dot(besides, vector + width, variances.data());
      for (size_t c = 0; c < count * kComponents; ++c) {
        variances[c / kComponents] += along[c] * along[c];
      }
      for (size_t i = 0; i < count; ++i) expected[i] += kSpreads * std::sqrt(variances[i]);
    }
  }
}

// A heap. What is too large to be told is looked at first.
void ScreenedScan::make_promises(std::span<const float> expected) {
  auto& promises = scratch_.promises;
  promises.resize(expected.size());
  for (uint32_t b = 0; b < expected.size(); ++b) {
    const bool told = std::isfinite(expected[b]);
    promises[b] = {told ? expected[b] : std::numeric_limits<float>::max(), b};
  }
  std::make_heap(promises.begin(), promises.end());
}

void ScreenedScan::scan_promising(State& state, ScanCounts& counts) {
  auto& promises = scratch_.promises;
  const size_t k = queries_[state.query].best->k();
  State* const alone = &state;
  while (!promises.empty() && !state.given_up) {
    std::pop_heap(promises.begin(), promises.end());
    const auto [score, block] = promises.back();
    promises.pop_back();
    if (score < state.threshold) return;
    if (reach(state, rows_.blocks_[block]) < state.threshold) continue;
    scan_block(block, {&alone, 1});
    counts.screened += ScreenedRows::kBlockItems;
    if (state.candidates.size() > std::max(kRoomMin, 2 * k)) cut_down(state);
  }
}

// The score from a sum of codes. For distances, what fp32 rounds is a part of the distance itself,
// which is at most the square of both lengths together.
void ScreenedScan::set_bound(State& state, const ScreenedRows::Block& block) const {
  const double product = state.length * block.lost + state.lost * block.length;
  state.unit = double{state.step} * double{block.step};
  if (rows_.options_.measure == Measure::kProduct) {
    state.base = 0;
    state.bound = product;
  } else {
    const double low = block.shortest * block.shortest, high = block.longest * block.longest;
    const double own = state.length * state.length, both = state.length + block.longest;
    const double roundings = static_cast<double>(rows_.table_.dim) + 3;
    state.unit *= 2;
    state.base = -own - (low + high) / 2;
    state.bound = 2 * product + (high - low) / 2 + own * 1e-8 + roundings * 0x1.1p-24 * both * both;
  }
  state.bound = state.bound * rows_.options_.trust + kDenormal;
}

// The largest sum that cannot belong to one of the k best.
int32_t ScreenedScan::limit(const State& state) {
  if (state.given_up) return std::numeric_limits<int32_t>::max();
  if (state.threshold == -kInfinity) return std::numeric_limits<int32_t>::min();
  const double least = (state.threshold - state.bound - state.base) / state.unit + state.offset;
  // A hundredth for the roundings of this line; sums are whole.
  const double above = std::ceil(least - 0.01) - 1;
  constexpr double kEnd = 2147483000.0;
  return static_cast<int32_t>(std::clamp(above, -kEnd, kEnd));
}

void ScreenedScan::scan_block(size_t block, std::span<State* const> group) {
  block_ = &rows_.blocks_[block];
  group_ = group;
  const size_t groups = screen_groups(rows_.table_.dim);
  const size_t units = rows_.codes_.size() / screen_unit_bytes(rows_.table_.dim);
  ScreenTile tile{.codes = rows_.codes_.data(), .groups = groups, .report = report, .to = this};
  tile.begin = block * ScreenedRows::kBlockUnits;
  tile.end = std::min(tile.begin + ScreenedRows::kBlockUnits, units);
  tile.count = group.size();
  for (size_t q = 0; q < group.size(); ++q) {
    State& state = *group[q];
    set_bound(state, *block_);
    tile.queries[q] = state.codes;
    tile.above[q] = limit(state);
  }
  rows_.options_.kernel->run(tile);
}

void ScreenedScan::report(void* to, ScreenTile& tile, const ScreenHits& hits) {
  auto& scan = *static_cast<ScreenedScan*>(to);
  State& state = *scan.group_[hits.query];
  scan.take(state, hits);
  if (state.candidates.size() < state.room) return;
  scan.cut_down(state);
  tile.above[hits.query] = limit(state);
}

void ScreenedScan::take(State& state, const ScreenHits& hits) {
  const auto blocked = queries_[state.query].blocked;
  for (uint64_t lanes = hits.lanes; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<size_t>(std::countr_zero(lanes));
    const size_t place = hits.unit * kUnitItems + lane;
    if (place >= rows_.order_.size()) return;
    const uint32_t item = rows_.order_[place];
    if (has_bit(blocked, item)) continue;
    const double score = state.base + (hits.sums[lane] - state.offset) * state.unit;
    // The last term: what is lost to 24 bits.
    const double off = state.bound * (1 + 0x1p-22) + std::abs(score) * 0x1p-22;
    state.candidates.push_back(
        {static_cast<float>(score - off), static_cast<float>(score + off), item});
  }
}

void ScreenedScan::cut_down(State& state) const {
  auto& all = state.candidates;
  const size_t k = queries_[state.query].best->k();
  if (all.size() <= k) return;
  const float threshold = threshold_of(all, k);
  state.threshold = std::max<double>(state.threshold, threshold);
  size_t kept = 0;  // without branches: nobody can predict them
  for (const Candidate candidate : all) {
    all[kept] = candidate;
    kept += candidate.at_most < threshold ? 0 : 1;
  }
  all.resize(kept);
  state.given_up = all.size() > candidates_max(k, rows_.order_.size());
  state.room = std::max(state.room, 2 * all.size());
}

// Those that are surely good first: their exact scores make the threshold that spares others.
void ScreenedScan::rescore(State& state, ScanCounts& counts) {
  cut_down(state);
  auto& all = state.candidates;
  const auto rest = std::partition(all.begin(), all.end(), [&](const Candidate& candidate) {
    return candidate.at_least >= state.threshold;
  });
  score({all.begin(), rest}, state.query, counts);
  const float threshold = queries_[state.query].best->threshold();
  const auto end =
      std::remove_if(rest, all.end(), [&](const Candidate& c) { return c.at_most < threshold; });
  score({rest, end}, state.query, counts);
}

void ScreenedScan::score(std::span<const Candidate> candidates, size_t query, ScanCounts& counts) {
  const size_t count = candidates.size();
  scratch_.items.resize(count);
  scratch_.scores.resize(count);
  for (size_t i = 0; i < count; ++i) scratch_.items[i] = candidates[i].item;
  score_rows(rows_.table_, scratch_.items, {queries_[query].vector, rows_.options_.measure},
             scratch_.scores.data());
  TopK& best = *queries_[query].best;
  for (size_t i = 0; i < count; ++i) best.push(scratch_.scores[i], scratch_.items[i]);
  counts.rescored += count;
}

}  // namespace palate
