#include "ids/dictionary_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/stop.h"
#include "ids/dictionary_format.h"
#include "ids/key_blocks.h"
#include "ids/perfect_hash.h"
#include "ids/perfect_hash_part.h"

namespace palate {
namespace {

using namespace dictionary;  // NOLINT(google-build-using-namespace): its own format

// Keys are gathered until there are so many or they have so many bytes, then coded in parallel.
constexpr size_t kGatheredKeys = size_t{1} << 16;
constexpr size_t kGatheredBytes = size_t{8} << 20;
constexpr size_t kBlocksTogether = 64;
constexpr size_t kSampleKeys = 8192;  // of the first gathered ones, for the symbols
constexpr size_t kKeyShownBytesMax = 100;

// A file in which each kCheckedBytes has a checksum.
class CheckedFile {
 public:
  explicit CheckedFile(PendingFile file) : file_(std::move(file)) {}

  Status write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto piece = bytes.substr(0, kCheckedBytes - gathered_.size());
      gathered_.append(piece);
      bytes.remove_prefix(piece.size());
      if (gathered_.size() == kCheckedBytes) TRY(end_block());
    }
    return {};
  }
  template <class T>
  Status write_all(const std::vector<T>& values) {
    return write({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
  Status align() {
    return write(std::string((kAlignment - end() % kAlignment) % kAlignment, '\0'));
  }
  [[nodiscard]] uint64_t end() const { return written_ + gathered_.size(); }
  // Everything so far is in the file; the current block then has its checksum too.
  Status end_block() {
    if (gathered_.empty()) return {};
    checksums_.push_back(hash64(gathered_));
    TRY(file_.write(gathered_));
    written_ += gathered_.size();
    gathered_.clear();
    return {};
  }
  // What has no checksum here: the checksums and the foot.
  Status write_unchecked(std::string_view bytes) { return file_.write(bytes); }
  Status commit() { return file_.commit(); }
  [[nodiscard]] const std::vector<uint64_t>& checksums() const { return checksums_; }
  [[nodiscard]] const Path& path() const { return file_.path(); }

 private:
  PendingFile file_;
  std::string gathered_;
  uint64_t written_ = 0;
  std::vector<uint64_t> checksums_;
};

// The keys' hashes in the order of the keys: in memory, or in a file from `memory_bytes_max` on.
class HashList {
 public:
  HashList(Path spill, size_t memory_bytes_max) : path_(std::move(spill)), max_(memory_bytes_max) {}
  HashList(HashList&& other) noexcept
      : path_(std::exchange(other.path_, {})),
        max_(other.max_),
        memory_(std::move(other.memory_)) {}
  ~HashList() {
    std::error_code ignored;
    if (spilled_) std::filesystem::remove(path_, ignored);
  }

  Status append(std::span<const Hash128> hashes) {
    memory_.insert(memory_.end(), hashes.begin(), hashes.end());
    if (max_ == 0 || memory_.size() * sizeof(Hash128) < max_) return {};
    return flush();
  }
  // What was appended; valid while the list lives and nothing is appended.
  Result<std::span<const Hash128>> all() {
    if (!spilled_) return memory_;
    TRY(flush());
    TRY(file_->close());
    mapped_ = TRY(MappedFile::open(path_));
    return std::span(reinterpret_cast<const Hash128*>(mapped_->bytes().data()),
                     mapped_->bytes().size() / sizeof(Hash128));
  }
  [[nodiscard]] bool spilled() const { return spilled_; }

 private:
  Status flush() {
    if (!spilled_) {
      file_ = TRY(FileWriter::create(path_));
      spilled_ = true;
    }
    TRY(file_->write(std::as_bytes(std::span(memory_))));
    memory_.clear();
    return {};
  }
  Path path_;
  size_t max_;
  std::vector<Hash128> memory_;
  bool spilled_ = false;
  std::optional<FileWriter> file_;
  std::optional<MappedFile> mapped_;
};

// Numbers of `width` bits one behind the other.
void put_bits(uint64_t value, uint64_t bit, uint32_t width, std::vector<uint64_t>& words) {
  words[bit / 64] |= value << (bit % 64);
  if (bit % 64 + width > 64) words[bit / 64 + 1] |= value >> (64 - bit % 64);
}

}  // namespace

struct DictionaryWriter::State {
  Path path;
  DictionaryOptions options;
  ThreadPool& pool;
  CheckedFile file;
  HashList hashes;
  Foot foot;
  std::optional<SymbolTable> symbols;
  std::vector<uint64_t> block_begin;
  std::string gathered;
  std::vector<uint32_t> gathered_end;

  Status flush();
  Status write_section(Section& section, std::string_view bytes);
  template <class T>
  Status write_section(Section& section, const std::vector<T>& values) {
    return write_section(section,
                         {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
  Result<PerfectHash> perfect_hash(std::span<const Hash128> all, const std::stop_token& stop);
  Status write_records(const PerfectHash& hash, std::span<const Hash128> all,
                       const std::stop_token& stop);
  Status duplicate_error(const Hash128& duplicate, std::span<const Hash128> all);
  Status write_end();
};

// Codes what was gathered, block by block, and writes it.
Status DictionaryWriter::State::flush() {
  std::vector<std::string_view> keys;
  uint32_t begin = 0;
  for (const uint32_t end : gathered_end) {
    keys.push_back(std::string_view(gathered).substr(begin, end - begin));
    begin = end;
  }
  if (!symbols) {
    std::vector<std::string_view> sample;
    const size_t step = keys.size() / kSampleKeys + 1;
    for (size_t i = 0; i < keys.size(); i += step) sample.push_back(keys[i]);
    symbols = SymbolTable::train(sample);
  }
  const size_t blocks = (keys.size() + kKeysPerBlock - 1) / kKeysPerBlock;
  const size_t runs = (blocks + kBlocksTogether - 1) / kBlocksTogether;
  std::vector<std::string> coded(runs);
  std::vector<uint64_t> ends(blocks);  // within its run
  std::vector<Hash128> hashed(keys.size());
  TRY(pool.for_blocks(runs, [&](size_t run, size_t) {
    const size_t last = std::min(blocks, (run + 1) * kBlocksTogether);
    for (size_t block = run * kBlocksTogether; block < last; ++block) {
      const size_t first = block * kKeysPerBlock;
      const auto some =
          std::span(keys).subspan(first, std::min(kKeysPerBlock, keys.size() - first));
      append_key_block(some, *symbols, coded[run]);
      ends[block] = coded[run].size();
      for (size_t i = 0; i < some.size(); ++i) hashed[first + i] = hash128(some[i]);
    }
  }));
  for (size_t run = 0; run < runs; ++run) {
    const uint64_t at = file.end() - foot.key_blocks.offset;
    const size_t last = std::min(blocks, (run + 1) * kBlocksTogether);
    for (size_t block = run * kBlocksTogether; block < last; ++block) {
      block_begin.push_back(at + ends[block]);
    }
    TRY(file.write(coded[run]));
  }
  gathered.clear();
  gathered_end.clear();
  return hashes.append(hashed);
}

Status DictionaryWriter::State::write_section(Section& section, std::string_view bytes) {
  TRY(file.align());
  section = {file.end(), bytes.size()};
  return file.write(bytes);
}

Result<PerfectHash> DictionaryWriter::State::perfect_hash(std::span<const Hash128> all,
                                                          const std::stop_token& stop) {
  std::optional<Hash128> duplicate;
  auto built = [&]() -> Result<PerfectHash> {
    if (!hashes.spilled()) {
      auto whole = PerfectHash::build(all, pool, stop);
      if (whole || whole.error().code != Code::kAlreadyExists) return whole;
      std::vector<Hash128> copy(all.begin(), all.end());
      duplicate = perfect_hash::find_duplicate(copy);
      return whole;
    }
    auto builder =
        TRY(PerfectHashBuilder::create({.keys = all.size(),
                                        .memory_bytes_max = options.hash_memory_bytes_max,
                                        .spill_directory = file.path().parent_path()}));
    for (const Hash128& hash : all) TRY(builder.add(hash));
    auto whole = builder.build(pool, stop);
    duplicate = builder.duplicate();
    return whole;
  }();
  if (duplicate) TRY(duplicate_error(*duplicate, all));
  return built;
}

// Says which key came twice, out of what is written already.
Status DictionaryWriter::State::duplicate_error(const Hash128& duplicate,
                                                std::span<const Hash128> all) {
  const auto first = std::find(all.begin(), all.end(), duplicate);
  const auto second = std::find(first + 1, all.end(), duplicate);
  const auto index = static_cast<uint64_t>(first - all.begin());
  TRY(file.end_block());
  const auto mapped = TRY(MappedFile::open(file.path()));
  const uint64_t begin = block_begin[index / kKeysPerBlock];
  const auto block = mapped.text().substr(foot.key_blocks.offset + begin,
                                          block_begin[index / kKeysPerBlock + 1] - begin);
  std::string key;
  PALATE_CHECK(read_key(block, index % kKeysPerBlock, *symbols, key), "what was written is read");
  const bool cut = key.size() > kKeyShownBytesMax;
  return fail(Code::kAlreadyExists, "{}: key {} '{}{}' is there again as key {}", path.string(),
              index, key.substr(0, kKeyShownBytesMax), cut ? "…" : "", second - all.begin());
}

Status DictionaryWriter::State::write_records(const PerfectHash& hash, std::span<const Hash128> all,
                                              const std::stop_token& stop) {
  const uint32_t width = foot.index_bits + foot.fingerprint_bits;
  const bool whole = foot.fingerprint_bits == 0;
  const uint64_t bytes = (foot.keys * width + 7) / 8 + kReadBehind;
  std::vector<uint64_t> records(bytes / 8 + 2);
  std::vector<Hash128> in_order(whole ? foot.keys : 0);
  std::vector<uint64_t> slots(kGatheredKeys);
  for (size_t begin = 0; begin < all.size(); begin += slots.size()) {
    TRY(check_stop(stop));
    const auto some = all.subspan(begin, std::min(slots.size(), all.size() - begin));
    hash.find_many(some, std::span(slots).first(some.size()));
    for (size_t i = 0; i < some.size(); ++i) {
      const uint64_t print = fingerprint_of(some[i].words[1], foot.fingerprint_bits);
      put_bits((begin + i) | print << foot.index_bits, slots[i] * width, width, records);
      if (whole) in_order[slots[i]] = some[i];
    }
  }
  TRY(write_section(foot.records, {reinterpret_cast<const char*>(records.data()), bytes}));
  return write_section(foot.hashes, in_order);
}

Status DictionaryWriter::State::write_end() {
  TRY(file.align());
  TRY(file.end_block());
  const auto& checksums = file.checksums();
  const std::string_view bytes(reinterpret_cast<const char*>(checksums.data()),
                               checksums.size() * sizeof(uint64_t));
  foot.checksums = {file.end(), bytes.size()};
  foot.checksums_checksum = hash64(bytes);
  foot.file_bytes = file.end() + bytes.size() + sizeof foot;
  const std::string_view foot_bytes(reinterpret_cast<const char*>(&foot), sizeof foot);
  foot.own_checksum = hash64(foot_bytes.substr(0, offsetof(Foot, own_checksum)));
  TRY(file.write_unchecked(bytes));
  TRY(file.write_unchecked(foot_bytes));
  return file.commit();
}

DictionaryWriter::DictionaryWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
DictionaryWriter::DictionaryWriter(DictionaryWriter&&) noexcept = default;
DictionaryWriter::~DictionaryWriter() = default;

Result<DictionaryWriter> DictionaryWriter::create(const Path& path,
                                                  const DictionaryOptions& options,
                                                  ThreadPool& pool) {
  const uint32_t bits = options.fingerprint_bits;
  PALATE_CHECK(bits == 0 || (kFingerprintBitsMin <= bits && bits <= kFingerprintBitsMax),
               "fingerprints have 16 to 24 bits");
  auto file = TRY(PendingFile::create(path));
  Path spill = file.path();
  spill += ".hashes";
  HashList hashes(std::move(spill), options.hash_memory_bytes_max);
  auto state = std::unique_ptr<State>(new State{
      path, options, pool, CheckedFile(std::move(file)), std::move(hashes), {}, {}, {0}, {}, {}});
  const Head head;
  TRY(state->file.write({reinterpret_cast<const char*>(&head), sizeof head}));
  state->foot.key_blocks.offset = state->file.end();
  state->foot.fingerprint_bits = bits;
  return DictionaryWriter(std::move(state));
}

Status DictionaryWriter::add(std::string_view key) {
  State& state = *state_;
  if (key.size() > kKeyBytesMax) {
    return fail(Code::kInvalidArgument, "{}: key {} has {} bytes, more than the {} allowed",
                state.path.string(), state.foot.keys, key.size(), kKeyBytesMax);
  }
  if (state.foot.keys == kKeysMax) {
    return fail(Code::kOverloaded, "{}: more than {} keys", state.path.string(), kKeysMax);
  }
  ++state.foot.keys;
  state.gathered.append(key);
  state.gathered_end.push_back(static_cast<uint32_t>(state.gathered.size()));
  const size_t count = state.gathered_end.size();
  const bool full = count == kGatheredKeys || state.gathered.size() >= kGatheredBytes;
  return full && count % kKeysPerBlock == 0 ? state.flush() : Status{};
}

Status DictionaryWriter::commit(std::stop_token stop) {
  State& state = *state_;
  TRY(state.flush());
  state.foot.key_blocks.bytes = state.file.end() - state.foot.key_blocks.offset;
  state.foot.index_bits = index_bits_of(state.foot.keys);
  const auto all = TRY(state.hashes.all());
  const PerfectHash hash = TRY(state.perfect_hash(all, stop));
  TRY(state.write_section(state.foot.key_index, state.block_begin));
  TRY(state.write_section(state.foot.symbols, state.symbols->bytes()));
  TRY(state.write_section(
      state.foot.perfect_hash,
      {reinterpret_cast<const char*>(hash.words().data()), hash.words().size_bytes()}));
  TRY(state.write_records(hash, all, stop));
  return state.write_end();
}

}  // namespace palate
