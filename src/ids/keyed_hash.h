// UserId, ItemId and the lake's EventId and RequestId: SipHash-2-4-128 (libsodium) of tenant and
// external id under the tenant's secret key, so that a pseudonym in lake or artefact cannot be
// turned back by trying names.
// Immutable, thread-safe.
#pragma once

#include <array>
#include <string_view>

#include "base/file.h"
#include "base/ids.h"

namespace palate {

class KeyedHash {
 public:
  using Key = std::array<unsigned char, 16>;
  KeyedHash(const Key& key, const Tenant& tenant);
  // Reads the key file, or makes one (mode 0600, random) where there is none and `create` is set.
  static Result<KeyedHash> open(const Path& key_file, const Tenant& tenant, bool create);

  [[nodiscard]] UserId user(std::string_view external_id) const;
  [[nodiscard]] ItemId item(std::string_view external_id) const;
  [[nodiscard]] EventId event(std::string_view event_id) const;
  [[nodiscard]] RequestId request(std::string_view request_id) const;
  // What only who has the key can make of `bytes`: says that we have given them out.
  [[nodiscard]] std::array<uint64_t, 2> signature(std::string_view bytes) const;

 private:
  Key user_key_, item_key_, event_key_, request_key_,
      signing_key_;  // derived from key, tenant and kind
};

}  // namespace palate
