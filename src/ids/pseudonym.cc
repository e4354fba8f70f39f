#include "ids/pseudonym.h"

#include <charconv>

#include <fmt/format.h>

#include "base/hash.h"

namespace palate {

std::string hex_of(const UserId& user) {
  std::string hex;
  for (const char byte : user.bytes()) hex += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return hex;
}

std::optional<UserId> user_from_hex(std::string_view text) {
  UserId user;
  auto* bytes = reinterpret_cast<unsigned char*>(user.words.data());
  if (text.size() != 2 * sizeof user.words) return std::nullopt;
  for (size_t i = 0; i < sizeof user.words; ++i) {
    const char* at = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(at, at + 2, bytes[i], 16);
    if (error != std::errc() || end != at + 2) return std::nullopt;
  }
  return hex_of(user) == text ? std::optional(user) : std::nullopt;
}

std::string digest_of(const UserId& user) { return to_hex(hash128(user.bytes())); }

}  // namespace palate
