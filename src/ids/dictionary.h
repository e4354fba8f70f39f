// A frozen dictionary: strings to dense indexes in the order that they were given, and back; a
// mapped file (docs/formats/dictionary.md). For what never changes: datasets, artefacts. For items
// as they arrive see ids/item_interner.h; ids/dictionary_writer.h makes one.
//
// A key's 128-bit hash gives its place (ids/perfect_hash.h), where its index lies and what tells it
// from strings that are no key: 16 to 24 bits of fingerprint, so that one string in 65,536 or fewer
// that is none is taken for one; or the whole hash, which no two strings share.
//
// Opening reads the head, the foot and the parts of the perfect hash, whatever the size, and checks
// those; the rest is checked by `verify` or verify(). Without it damage gives wrong answers or
// kCorrupt, never a read outside the file. A file that is replaced under a reader stays as it was
// for him.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace palate {

// What a dictionary takes, in bytes.
struct DictionaryBytes {
  uint64_t hash = 0;          // the perfect hash
  uint64_t order = 0;         // from its order to the one given
  uint64_t verification = 0;  // fingerprints or whole hashes
  uint64_t way_back = 0;      // the keys
  uint64_t rest = 0;          // head, foot, checksums, gaps
  [[nodiscard]] uint64_t total() const { return hash + order + verification + way_back + rest; }
};

// Immutable, thread-safe.
class Dictionary {
 public:
  enum class Verify { kNo, kYes };
  // Errors: kNotFound; kCorrupt (names the file and what differs); kUnsupportedVersion;
  // kInvalidArgument for a file that is no dictionary.
  static Result<std::shared_ptr<const Dictionary>> open(const Path& path, Verify verify);
  // The same over bytes that live as long and begin at a multiple of 8.
  static Result<std::shared_ptr<const Dictionary>> parse(std::span<const std::byte> bytes,
                                                         Verify verify);
  // Whether a file begins like a dictionary.
  static bool is_one(std::string_view head);
  ~Dictionary();

  [[nodiscard]] uint64_t size() const;
  [[nodiscard]] std::optional<uint32_t> find(std::string_view key) const;
  static constexpr uint32_t kAbsent = 0xffff'ffff;
  // The same for many, kAbsent for none. Sizes must agree.
  void find_many(std::span<const std::string_view> keys, std::span<uint32_t> out) const;
  // The key of an index below size(). Errors: kCorrupt.
  [[nodiscard]] Result<std::string> name(uint32_t index) const;
  [[nodiscard]] const DictionaryBytes& bytes() const;
  [[nodiscard]] uint32_t fingerprint_bits() const;  // 0: whole hashes
  // Reads the whole file against its checksums. Errors: kCorrupt with the place.
  [[nodiscard]] Status verify() const;

 private:
  struct State;
  explicit Dictionary(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace palate
