#include "ids/dictionary_hash.h"

#include <cstring>

namespace palate {

void DictionaryHash::add(ItemId id) {
  char bytes[sizeof hash_.words + sizeof id.words];
  std::memcpy(bytes, hash_.words.data(), sizeof hash_.words);
  std::memcpy(bytes + sizeof hash_.words, id.words.data(), sizeof id.words);
  hash_ = hash128({bytes, sizeof bytes});
}

std::string DictionaryHash::hex() const { return to_hex(hash_); }

}  // namespace palate
