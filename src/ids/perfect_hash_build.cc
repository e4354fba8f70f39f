// Building a PerfectHash: hashes are brought together by parts, parts are built in parallel, what
// they bump makes the next level.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <unistd.h>

#include "base/check.h"
#include "ids/perfect_hash.h"
#include "ids/perfect_hash_format.h"
#include "ids/perfect_hash_part.h"

namespace palate {
namespace {

using namespace perfect_hash;  // NOLINT(google-build-using-namespace): its own format

constexpr size_t kBlocks = 64;            // that one partition is done in
constexpr size_t kRestMax = 4096;         // keys that no level took: more come of no good hash
constexpr size_t kGroupsMax = 1024;       // files that hashes are spilled into
constexpr size_t kGroupsInMemory = 8;     // so that the copy of one is small beside all
constexpr size_t kSpillBytes = 64 << 10;  // gathered before they are written

Hash128 hash_of(const Hash128& hash) { return hash; }
Hash128 hash_of(uint64_t key) { return spread(key); }

struct Parts {
  uint64_t first = 0, count = 0;
};

// Who does the work, and how it is stopped.
struct Workers {
  ThreadPool& pool;
  std::stop_token stop;
  Status for_blocks(size_t blocks, const std::function<void(size_t, size_t)>& body) const {
    return pool.for_blocks(blocks, body, stop);
  }
};

// Hashes of some parts, part after part.
struct Partitioned {
  HashBuffer hashes;
  std::vector<uint64_t> begin;  // of each part, and the end
  [[nodiscard]] std::span<const Hash128> part(size_t p) const {
    return {hashes.data() + begin[p], begin[p + 1] - begin[p]};
  }
};

template <class Key>
Result<Partitioned> partition(std::span<const Key> keys, const Shape& shape, Parts parts,
                              const Workers& workers) {
  const auto part_of = [&](const Hash128& hash) {
    return multiply(hash.words[0], shape.parts).high - parts.first;
  };
  const auto block_of = [&](size_t block) {
    const size_t begin = keys.size() * block / kBlocks, end = keys.size() * (block + 1) / kBlocks;
    return keys.subspan(begin, end - begin);
  };
  std::vector<uint64_t> next(kBlocks * parts.count);  // by block, then part
  TRY(workers.for_blocks(kBlocks, [&](size_t block, size_t) {
    uint64_t* counts = next.data() + block * parts.count;
    for (const Key& key : block_of(block)) ++counts[part_of(hash_of(key))];
  }));
  Partitioned out{HashBuffer(keys.size()), {}};
  uint64_t total = 0;
  for (size_t part = 0; part < parts.count; ++part) {
    out.begin.push_back(total);
    for (size_t block = 0; block < kBlocks; ++block) {
      total += std::exchange(next[block * parts.count + part], total);
    }
  }
  out.begin.push_back(total);
  TRY(workers.for_blocks(kBlocks, [&](size_t block, size_t) {
    uint64_t* to = next.data() + block * parts.count;
    for (const Key& key : block_of(block)) {
      const Hash128 hash = hash_of(key);
      out.hashes.data()[to[part_of(hash)]++] = hash;
    }
  }));
  return out;
}

struct LevelDraft {
  Shape shape;
  std::vector<uint64_t> parts;  // as they are saved
  std::vector<uint8_t> seeds;
  std::vector<uint64_t> free;
  std::vector<Hash128> bumped;  // as this level knows them
};

}  // namespace

struct PerfectHashBuilder::State {
  PerfectHashOptions options;
  std::vector<LevelDraft> levels;
  std::vector<uint64_t> rest;
  uint64_t added = 0;
  uint64_t slots = 0;  // of the parts built so far of the level at work
  std::optional<Hash128> duplicate;

  // Hashes added one by one, in groups of parts that follow each other.
  struct Group {
    std::vector<Hash128> hashes;
    Path path;
    std::optional<FileWriter> file;
  };
  Shape shape;
  std::vector<Group> groups;

  [[nodiscard]] bool spills() const { return !options.spill_directory.empty(); }
  [[nodiscard]] Parts parts_of(size_t group) const {
    const uint64_t first = shape.parts * group / groups.size();
    return {first, shape.parts * (group + 1) / groups.size() - first};
  }
  [[nodiscard]] size_t group_of(const Hash128& hash) const {
    const uint64_t part = multiply(hash.words[0], shape.parts).high;
    size_t group = part * groups.size() / shape.parts;
    while (part < parts_of(group).first) --group;
    while (part >= parts_of(group).first + parts_of(group).count) ++group;
    return group;
  }
  Status write(Group& group);
  Status add_group(Group& group, Parts parts, const Workers& workers);

  void start_level(const Shape& of);
  template <class Key>
  Status add_parts(std::span<const Key> keys, Parts parts, const Workers& workers);
  Status add_levels(const Workers& workers);
  Status take_rest(std::vector<Hash128> hashes);
  Status duplicate_error(const Hash128& hash);
  [[nodiscard]] Result<PerfectHash> finish() const;
};

void PerfectHashBuilder::State::start_level(const Shape& of) {
  slots = 0;
  LevelDraft& level = levels.emplace_back();
  level.shape = of;
  level.seeds.resize(of.parts * of.buckets);
}

Status PerfectHashBuilder::State::duplicate_error(const Hash128& hash) {
  duplicate = hash;
  return fail(Code::kAlreadyExists, "two keys have the hash {}", to_hex(hash));
}

// Builds some parts of the last level, those that follow what it has.
template <class Key>
Status PerfectHashBuilder::State::add_parts(std::span<const Key> keys, Parts parts,
                                            const Workers& workers) {
  LevelDraft& level = levels.back();
  const Partitioned there = TRY(partition(keys, level.shape, parts, workers));
  for (size_t part = 0; part < parts.count; ++part) {
    if (level.shape.starts(there.part(part).size()) == 0) {
      const auto twice = find_duplicate({there.hashes.data(), keys.size()});
      if (twice) return duplicate_error(*twice);
      return fail(Code::kInvalidArgument, "the hashes are not distributed evenly");
    }
  }
  std::vector<BuiltPart> built(parts.count);
  TRY(workers.for_blocks(parts.count, [&](size_t part, size_t) {
    const auto seeds =
        std::span(level.seeds)
            .subspan((parts.first + part) * level.shape.buckets, level.shape.buckets);
    built[part] = build_part(level.shape, there.part(part), seeds);
  }));
  for (size_t part = 0; part < parts.count; ++part) {
    if (built[part].duplicate) return duplicate_error(*built[part].duplicate);
    level.parts.push_back(slots);
    level.parts.push_back(level.shape.starts(there.part(part).size()));
    for (const uint64_t slot : built[part].free) level.free.push_back(slots + slot);
    level.bumped.insert(level.bumped.end(), built[part].bumped.begin(), built[part].bumped.end());
    slots += there.part(part).size();
    built[part] = {};
  }
  return {};
}

// The levels above the first, each of what the one before bumped.
Status PerfectHashBuilder::State::add_levels(const Workers& workers) {
  while (true) {
    std::vector<Hash128> left = std::exchange(levels.back().bumped, {});
    for (Hash128& hash : left) hash = again(hash);
    if (left.size() < kLevelKeysMin || levels.size() == kLevelsMax) return take_rest(left);
    const Shape next = shape_of(left.size());
    start_level(next);
    TRY(add_parts<Hash128>(left, {0, next.parts}, workers));
  }
}

Status PerfectHashBuilder::State::take_rest(std::vector<Hash128> hashes) {
  if (const auto twice = find_duplicate(hashes)) return duplicate_error(*twice);
  if (hashes.size() > kRestMax) {
    return fail(Code::kInvalidArgument, "the hashes are not distributed evenly");
  }
  for (const Hash128& hash : hashes) rest.push_back(hash.words[0]);
  if (std::adjacent_find(rest.begin(), rest.end()) != rest.end()) {
    return fail(Code::kInvalidArgument, "two hashes agree in 64 bits");
  }
  return {};
}

Result<PerfectHash> PerfectHashBuilder::State::finish() const {
  auto words = std::make_shared<std::vector<uint64_t>>();
  const auto put = [&](std::initializer_list<uint64_t> values) {
    for (const uint64_t value : values) words->push_back(value);
  };
  put({kMagic, kFormat | uint64_t{levels.size()} << 32, options.keys, rest.size()});
  for (const LevelDraft& level : levels) {
    const Shape& of = level.shape;
    put({of.keys, of.parts, of.buckets, of.slice_bits});
    words->insert(words->end(), level.parts.begin(), level.parts.end());
    const size_t seeds_at = words->size();
    words->resize(seeds_at + (level.seeds.size() + 7) / 8);
    std::memcpy(words->data() + seeds_at, level.seeds.data(), level.seeds.size());
    EliasFano::append(level.free, of.keys, *words);
  }
  words->insert(words->end(), rest.begin(), rest.end());
  auto hash = TRY(PerfectHash::view(*words));
  hash.own_ = std::move(words);
  return hash;
}

template <class Key>
Result<PerfectHash> PerfectHashBuilder::build_all(std::span<const Key> keys, ThreadPool& pool,
                                                  std::stop_token stop) {
  const Workers workers{pool, std::move(stop)};
  State state;
  state.options.keys = keys.size();
  const auto run = [&]() -> Status {
    if (keys.size() < kLevelKeysMin) {
      std::vector<Hash128> hashes;
      for (const Key& key : keys) hashes.push_back(hash_of(key));
      return state.take_rest(std::move(hashes));
    }
    const Shape shape = shape_of(keys.size());
    state.start_level(shape);
    TRY(state.add_parts(keys, {0, shape.parts}, workers));
    return state.add_levels(workers);
  };
  const Status done = run();
  if (!done && state.duplicate) {
    std::vector<size_t> where;
    for (size_t i = 0; i < keys.size() && where.size() < 2; ++i) {
      if (hash_of(keys[i]) == *state.duplicate) where.push_back(i);
    }
    if (where.size() == 2) {
      return fail(Code::kAlreadyExists, "key {} is the same as key {}", where[1], where[0]);
    }
  }
  if (!done) return std::unexpected(done.error());
  return state.finish();
}

Result<PerfectHash> PerfectHash::build(std::span<const Hash128> hashes, ThreadPool& pool,
                                       std::stop_token stop) {
  return PerfectHashBuilder::build_all(hashes, pool, std::move(stop));
}
Result<PerfectHash> PerfectHash::build(std::span<const uint64_t> keys, ThreadPool& pool,
                                       std::stop_token stop) {
  return PerfectHashBuilder::build_all(keys, pool, std::move(stop));
}

PerfectHashBuilder::PerfectHashBuilder(std::unique_ptr<State> state) : state_(std::move(state)) {}
PerfectHashBuilder::PerfectHashBuilder(PerfectHashBuilder&&) noexcept = default;

PerfectHashBuilder::~PerfectHashBuilder() {
  if (!state_) return;
  for (auto& group : state_->groups) {
    std::error_code ignored;
    if (!group.path.empty()) std::filesystem::remove(group.path, ignored);
  }
}

Result<PerfectHashBuilder> PerfectHashBuilder::create(const PerfectHashOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->shape = shape_of(options.keys);
  const uint64_t bytes = options.keys * sizeof(Hash128);
  const bool fits = options.memory_bytes_max == 0 || bytes <= options.memory_bytes_max / 2;
  size_t groups = kGroupsInMemory;
  if (fits) state->options.spill_directory.clear();
  if (!fits) {
    PALATE_CHECK(!options.spill_directory.empty(), "a limit of memory needs a place to spill to");
    // Half of the memory for the group that is built, which lies there once; the rest is room.
    groups = bytes / (options.memory_bytes_max / 2 + 1) + 1;
  }
  groups = std::clamp<size_t>(groups, 1, std::min<uint64_t>(kGroupsMax, state->shape.parts));
  state->groups.resize(groups);
  static std::atomic<uint64_t> made{0};
  for (size_t i = 0; i < groups && state->spills(); ++i) {
    auto& group = state->groups[i];
    group.path = options.spill_directory /
                 fmt::format(".perfect-hash.tmp-{}-{}", ::getpid(), made.fetch_add(1));
    group.file = TRY(FileWriter::create(group.path));
  }
  return PerfectHashBuilder(std::move(state));
}

Status PerfectHashBuilder::State::write(Group& group) {
  TRY(group.file->write(std::as_bytes(std::span(group.hashes))));
  group.hashes.clear();
  return {};
}

Status PerfectHashBuilder::add(const Hash128& hash) {
  PALATE_CHECK(state_->added < state_->options.keys, "more keys than were announced");
  ++state_->added;
  auto& group = state_->groups[state_->group_of(hash)];
  group.hashes.push_back(hash);
  if (state_->spills() && group.hashes.size() * sizeof(Hash128) >= kSpillBytes) {
    return state_->write(group);
  }
  return {};
}

Status PerfectHashBuilder::State::add_group(Group& group, Parts parts, const Workers& workers) {
  if (!spills()) {
    const std::vector<Hash128> hashes = std::exchange(group.hashes, {});
    return add_parts<Hash128>(hashes, parts, workers);
  }
  TRY(write(group));
  TRY(group.file->close());
  group.file.reset();
  const auto mapped = TRY(MappedFile::open(group.path));
  const auto* hashes = reinterpret_cast<const Hash128*>(mapped.bytes().data());
  return add_parts<Hash128>(std::span(hashes, mapped.bytes().size() / sizeof(Hash128)), parts,
                            workers);
}

Result<PerfectHash> PerfectHashBuilder::build(ThreadPool& pool, std::stop_token stop) {
  const Workers workers{pool, std::move(stop)};
  State& state = *state_;
  PALATE_CHECK(state.added == state.options.keys, "as many keys as were announced");
  if (state.added < kLevelKeysMin) {
    TRY(state.take_rest(std::exchange(state.groups[0].hashes, {})));
    return state.finish();
  }
  state.start_level(state.shape);
  for (size_t i = 0; i < state.groups.size(); ++i) {
    TRY(state.add_group(state.groups[i], state.parts_of(i), workers));
  }
  TRY(state.add_levels(workers));
  return state.finish();
}

std::optional<Hash128> PerfectHashBuilder::duplicate() const { return state_->duplicate; }

}  // namespace palate
