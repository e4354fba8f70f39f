// Whatever a dictionary's file holds: it is refused, or all of it can be asked without leaving it.
// The checksums of the foot are made good first, so that what lies behind them is reached.
#include <cstring>
#include <memory>

#include "base/check.h"
#include "base/hash.h"
#include "ids/dictionary.h"
#include "ids/dictionary_format.h"

namespace {

using palate::dictionary::Foot;

// Gives the foot the checksums that it should have.
void mend(std::span<std::byte> file) {
  if (file.size() < sizeof(Foot)) return;
  Foot foot;
  std::byte* at = file.data() + file.size() - sizeof foot;
  std::memcpy(&foot, at, sizeof foot);
  foot.file_bytes = file.size();
  const auto [offset, bytes] = foot.checksums;
  if (offset <= file.size() && bytes <= file.size() - offset) {
    foot.checksums_checksum =
        palate::hash64({reinterpret_cast<const char*>(file.data()) + offset, bytes});
  }
  foot.own_checksum =
      palate::hash64({reinterpret_cast<const char*>(&foot), offsetof(Foot, own_checksum)});
  std::memcpy(at, &foot, sizeof foot);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using palate::Dictionary;
  const std::unique_ptr<uint64_t[]> copy(new uint64_t[size / 8 + 1]);  // aligned like a mapping is
  const std::span<std::byte> file(reinterpret_cast<std::byte*>(copy.get()), size);
  std::memcpy(file.data(), data, size);
  if (size > 0 && data[0] == 'P') mend(file);
  const auto dictionary = Dictionary::parse(file, Dictionary::Verify::kNo);
  if (!dictionary) return 0;
  (void)(*dictionary)->verify().has_value();
  constexpr uint64_t kAsked = 2000;
  for (uint32_t index = 0; index < std::min((*dictionary)->size(), kAsked); ++index) {
    const auto name = (*dictionary)->name(index);
    const auto found = (*dictionary)->find(name.value_or(""));
    PALATE_CHECK(!found || *found < (*dictionary)->size(), "an index of the dictionary");
  }
  return 0;
}
