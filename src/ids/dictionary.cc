#include "ids/dictionary.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "ids/dictionary_format.h"
#include "ids/key_blocks.h"
#include "ids/perfect_hash.h"

namespace palate {
namespace {

using namespace dictionary;  // NOLINT(google-build-using-namespace): its own format

constexpr size_t kTogether = 64;  // keys whose memory is fetched before the first is used

}  // namespace

struct Dictionary::State {
  std::optional<MappedFile> file;
  std::string_view all;  // the file
  Foot foot;
  std::string_view key_blocks;
  std::span<const uint64_t> key_index;
  SymbolTable symbols;
  PerfectHash hash;
  const char* records = nullptr;
  uint32_t record_bits = 0;
  uint64_t index_mask = 0;
  std::span<const Hash128> hashes;
  DictionaryBytes bytes;

  // Keys on their way: where they lie is known, their records are being fetched.
  struct Batch {
    std::array<Hash128, kTogether> hashes;
    std::array<uint64_t, kTogether> slots;
    size_t count = 0;
  };
  void place(std::span<const std::string_view> keys, Batch& batch) const;
  void take(const Batch& batch, uint32_t* out) const;

  Status read(std::span<const std::byte> file_bytes);
  Status read_foot();
  Status read_sections();
  [[nodiscard]] Status check(std::string_view checksums) const;
  void count_bytes();

  [[nodiscard]] Result<std::string_view> section(const Section& at, uint64_t bytes_expected) const {
    const uint64_t end = all.size() - sizeof(Foot);
    if (at.offset % kAlignment != 0 || at.offset < sizeof(Head) || at.offset > end ||
        at.bytes > end - at.offset || at.bytes != bytes_expected) {
      return fail(Code::kCorrupt, "a section lies outside the file or has another size");
    }
    return all.substr(at.offset, at.bytes);
  }
  template <class T>
  static std::span<const T> as(std::string_view section) {
    return {reinterpret_cast<const T*>(section.data()), section.size() / sizeof(T)};
  }
  // The record's first bit is one of the byte's, and a record has at most 56.
  [[nodiscard]] const char* record_at(uint64_t slot) const {
    return records + slot * record_bits / 8;
  }
  [[nodiscard]] std::optional<uint32_t> verified(const Hash128& key, uint64_t slot) const {
    uint64_t record = 0;
    std::memcpy(&record, record_at(slot), sizeof record);
    record >>= slot * record_bits % 8;
    const uint64_t index = record & index_mask;
    const uint64_t mask = (uint64_t{1} << foot.fingerprint_bits) - 1;
    const bool same = foot.fingerprint_bits == 0
                          ? hashes[slot] == key
                          : ((record >> foot.index_bits) & mask) ==
                                fingerprint_of(key.words[1], foot.fingerprint_bits);
    if (!same || index >= foot.keys) return std::nullopt;
    return static_cast<uint32_t>(index);
  }
};

Status Dictionary::State::read_foot() {
  Head head;
  if (all.size() < sizeof(Head)) {
    return fail(Code::kCorrupt, "{} bytes are no dictionary", all.size());
  }
  std::memcpy(&head, all.data(), sizeof head);
  if (head.magic != kMagic) return fail(Code::kInvalidArgument, "this is no dictionary");
  if (head.format != kFormat) {
    return fail(Code::kUnsupportedVersion,
                "a dictionary of format {}, this version of palate reads {}", head.format, kFormat);
  }
  if (all.size() < sizeof(Head) + sizeof(Foot)) {
    return fail(Code::kCorrupt, "the file is cut off");
  }
  const std::string_view tail = all.substr(all.size() - sizeof(Foot));
  std::memcpy(&foot, tail.data(), sizeof foot);
  const auto covered = tail.substr(0, offsetof(Foot, own_checksum));
  if (foot.own_checksum != hash64(covered) || foot.file_bytes != all.size()) {
    return fail(Code::kCorrupt,
                "the foot does not match its checksum; the file is cut off or damaged");
  }
  const bool whole = foot.fingerprint_bits == 0;
  if (foot.keys > kKeysMax || foot.index_bits != index_bits_of(foot.keys) ||
      (!whole && (foot.fingerprint_bits < kFingerprintBitsMin ||
                  foot.fingerprint_bits > kFingerprintBitsMax))) {
    return fail(Code::kCorrupt, "the foot names widths that do not exist");
  }
  return {};
}

Status Dictionary::State::read_sections() {
  const uint64_t blocks = (foot.keys + kKeysPerBlock - 1) / kKeysPerBlock;
  record_bits = foot.index_bits + foot.fingerprint_bits;
  index_mask = (uint64_t{1} << foot.index_bits) - 1;
  key_blocks = TRY(section(foot.key_blocks, foot.key_blocks.bytes));
  key_index = as<uint64_t>(TRY(section(foot.key_index, (blocks + 1) * sizeof(uint64_t))));
  symbols = TRY(SymbolTable::parse(TRY(section(foot.symbols, foot.symbols.bytes))));
  const auto words = TRY(section(foot.perfect_hash, foot.perfect_hash.bytes / 8 * 8));
  hash = TRY(PerfectHash::view(as<uint64_t>(words)));
  if (hash.size() != foot.keys) {
    return fail(Code::kCorrupt, "the perfect hash has {} keys, expected {}", hash.size(),
                foot.keys);
  }
  records = TRY(section(foot.records, (foot.keys * record_bits + 7) / 8 + kReadBehind)).data();
  const uint64_t whole = foot.fingerprint_bits == 0 ? foot.keys * sizeof(Hash128) : 0;
  hashes = as<Hash128>(TRY(section(foot.hashes, whole)));
  return {};
}

Status Dictionary::State::check(std::string_view checksums) const {
  const auto expected = as<uint64_t>(checksums);
  for (size_t block = 0; block < expected.size(); ++block) {
    const uint64_t begin = block * kCheckedBytes;
    const auto covered = all.substr(begin, std::min(kCheckedBytes, foot.checksums.offset - begin));
    if (hash64(covered) != expected[block]) {
      return fail(Code::kCorrupt, "bytes {} to {} do not match their checksum", begin,
                  begin + covered.size());
    }
  }
  return {};
}

void Dictionary::State::count_bytes() {
  bytes.hash = foot.perfect_hash.bytes;
  bytes.order = (foot.keys * foot.index_bits + 7) / 8;
  bytes.verification = (foot.keys * foot.fingerprint_bits + 7) / 8 + foot.hashes.bytes;
  bytes.way_back = foot.key_blocks.bytes + foot.key_index.bytes + foot.symbols.bytes;
  bytes.rest = foot.file_bytes - bytes.total();
}

Status Dictionary::State::read(std::span<const std::byte> file_bytes) {
  all = {reinterpret_cast<const char*>(file_bytes.data()), file_bytes.size()};
  TRY(read_foot());
  const uint64_t checked = (foot.checksums.offset + kCheckedBytes - 1) / kCheckedBytes;
  if (foot.checksums.offset > all.size()) return fail(Code::kCorrupt, "the file is cut off");
  const auto checksums = TRY(section(foot.checksums, checked * sizeof(uint64_t)));
  if (hash64(checksums) != foot.checksums_checksum) {
    return fail(Code::kCorrupt, "the checksums do not match theirs");
  }
  TRY(read_sections());
  count_bytes();
  return {};
}

Dictionary::Dictionary(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Dictionary::~Dictionary() = default;

Result<std::shared_ptr<const Dictionary>> Dictionary::parse(std::span<const std::byte> bytes,
                                                            Verify verify) {
  auto state = std::make_unique<State>();
  TRY(state->read(bytes));
  std::shared_ptr<const Dictionary> dictionary(new Dictionary(std::move(state)));
  if (verify == Verify::kYes) TRY(dictionary->verify());
  return dictionary;
}

Result<std::shared_ptr<const Dictionary>> Dictionary::open(const Path& path, Verify verify) {
  auto file = TRY(MappedFile::open(path));
  auto state = std::make_unique<State>();
  if (const auto read = state->read(file.bytes()); !read) {
    return std::unexpected(read.error().within(path.string()));
  }
  state->file = std::move(file);
  std::shared_ptr<const Dictionary> dictionary(new Dictionary(std::move(state)));
  if (verify == Verify::kNo) return dictionary;
  if (const auto whole = dictionary->verify(); !whole) {
    return std::unexpected(whole.error().within(path.string()));
  }
  return dictionary;
}

bool Dictionary::is_one(std::string_view head) {
  uint64_t magic = 0;
  if (head.size() >= sizeof magic) std::memcpy(&magic, head.data(), sizeof magic);
  return magic == kMagic;
}

uint64_t Dictionary::size() const { return state_->foot.keys; }
const DictionaryBytes& Dictionary::bytes() const { return state_->bytes; }
uint32_t Dictionary::fingerprint_bits() const { return state_->foot.fingerprint_bits; }

Status Dictionary::verify() const {
  const Section& at = state_->foot.checksums;
  return state_->check(state_->all.substr(at.offset, at.bytes));
}

std::optional<uint32_t> Dictionary::find(std::string_view key) const {
  const State& state = *state_;
  if (state.foot.keys == 0) return std::nullopt;
  const Hash128 hash = hash128(key);
  return state.verified(hash, state.hash.find(hash));
}

void Dictionary::State::place(std::span<const std::string_view> keys, Batch& batch) const {
  batch.count = keys.size();
  for (size_t i = 0; i < keys.size(); ++i) batch.hashes[i] = hash128(keys[i]);
  const std::span<const Hash128> hashed(batch.hashes.data(), keys.size());
  hash.find_many(hashed, std::span(batch.slots).first(keys.size()));
  for (size_t i = 0; i < keys.size(); ++i) {
    __builtin_prefetch(record_at(batch.slots[i]));
    if (!hashes.empty()) __builtin_prefetch(&hashes[batch.slots[i]]);
  }
}

void Dictionary::State::take(const Batch& batch, uint32_t* out) const {
  for (size_t i = 0; i < batch.count; ++i) {
    out[i] = verified(batch.hashes[i], batch.slots[i]).value_or(kAbsent);
  }
}

// A batch's records come from memory while the next batch is hashed and placed.
void Dictionary::find_many(std::span<const std::string_view> keys, std::span<uint32_t> out) const {
  PALATE_CHECK(keys.size() == out.size(), "as many indexes as keys");
  const State& state = *state_;
  if (state.foot.keys == 0) {
    std::ranges::fill(out, kAbsent);
    return;
  }
  std::array<State::Batch, 2> batches;
  State::Batch *now = &batches[0], *before = &batches[1];
  for (size_t begin = 0; begin < keys.size(); begin += kTogether) {
    const auto some = keys.subspan(begin, std::min(kTogether, keys.size() - begin));
    state.place(some, *now);
    state.take(*before, out.data() + begin - before->count);
    std::swap(now, before);
  }
  state.take(*before, out.data() + out.size() - before->count);
}

Result<std::string> Dictionary::name(uint32_t index) const {
  const State& state = *state_;
  PALATE_CHECK(index < state.foot.keys, "the index is none of this dictionary's");
  const size_t block = index / kKeysPerBlock;
  const uint64_t begin = state.key_index[block], end = state.key_index[block + 1];
  std::string key;
  if (begin > end || end > state.key_blocks.size() ||
      !read_key(state.key_blocks.substr(begin, end - begin), index % kKeysPerBlock, state.symbols,
                key)) {
    return fail(Code::kCorrupt, "key {} of the dictionary is damaged", index);
  }
  return key;
}

}  // namespace palate
