#include "ids/keyed_hash.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>

#include <sodium.h>

#include "base/check.h"
#include "base/log.h"

namespace palate {
namespace {

static_assert(sizeof(KeyedHash::Key) == crypto_shorthash_siphashx24_KEYBYTES);
static_assert(sizeof(UserId) == crypto_shorthash_siphashx24_BYTES);

// sodium_init() may be called again from any thread; it fails only without a source of randomness.
void start_sodium() { PALATE_CHECK(sodium_init() >= 0, "libsodium cannot start"); }

// Each tenant and kind has a key of its own: the same name under two of them gives unrelated ids.
KeyedHash::Key derive(const KeyedHash::Key& key, std::string_view kind, const Tenant& tenant) {
  std::string message(kind);
  message.push_back('\0');
  message.append(tenant.name);
  KeyedHash::Key derived{};
  const int failed = crypto_generichash(derived.data(), derived.size(),
                                        reinterpret_cast<const unsigned char*>(message.data()),
                                        message.size(), key.data(), key.size());
  PALATE_CHECK(failed == 0, "libsodium refuses these key sizes");
  return derived;
}

template <class Id>
Id keyed(std::string_view external_id, const KeyedHash::Key& key) {
  Id id;
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(id.words.data()),
                              reinterpret_cast<const unsigned char*>(external_id.data()),
                              external_id.size(), key.data());
  return id;
}

// A random key under its final name, whole or not at all. When another process was faster, its key
// stays: a hard link never replaces a file.
Status make_key_file(const Path& key_file) {
  KeyedHash::Key key{};
  randombytes_buf(key.data(), key.size());
  Path temporary = key_file;
  temporary.replace_filename(
      fmt::format(".{}.tmp-{}-{}", key_file.filename().string(), ::getpid(), randombytes_random()));
  const auto remove = [](const Path* path) {
    std::error_code ignored;
    std::filesystem::remove(*path, ignored);
  };
  const std::unique_ptr<const Path, decltype(remove)> cleanup(&temporary, remove);
  FileWriter file = TRY(FileWriter::create(temporary));
  std::error_code error;
  using std::filesystem::perms;
  // Before the secret is in it.
  std::filesystem::permissions(temporary, perms::owner_read | perms::owner_write, error);
  if (error) return std::unexpected(errno_error(error.value(), "protect", temporary));
  TRY(file.write(std::string_view(reinterpret_cast<const char*>(key.data()), key.size())));
  TRY(file.sync());
  TRY(file.close());
  if (const int fault = file_fault("link", key_file))
    return std::unexpected(errno_error(fault, "create", key_file));
  std::filesystem::create_hard_link(temporary, key_file, error);
  if (error && error != std::errc::file_exists) {
    return std::unexpected(errno_error(error.value(), "create", key_file));
  }
  return sync_directory(key_file.parent_path());
}

void warn_when_others_may_read(const Path& key_file) {
  using std::filesystem::perms;
  std::error_code error;
  const perms mode = std::filesystem::status(key_file, error).permissions();
  if (!error && (mode & (perms::group_all | perms::others_all)) != perms::none) {
    log_warning("{}: others may read this secret; run chmod 600 on it", key_file.string());
  }
}

}  // namespace

KeyedHash::KeyedHash(const Key& key, const Tenant& tenant) {
  start_sodium();
  user_key_ = derive(key, "palate.user", tenant);
  item_key_ = derive(key, "palate.item", tenant);
  event_key_ = derive(key, "palate.event", tenant);
  request_key_ = derive(key, "palate.request", tenant);
  signing_key_ = derive(key, "palate.signature", tenant);
}

Result<KeyedHash> KeyedHash::open(const Path& key_file, const Tenant& tenant, bool create) {
  start_sodium();
  Result<std::string> bytes = read_file(key_file, /*bytes_max=*/4096);
  if (!bytes && bytes.error().code == Code::kNotFound && create) {
    TRY(make_key_file(key_file));
    bytes = read_file(key_file, /*bytes_max=*/4096);
  }
  if (!bytes) return std::unexpected(bytes.error());
  Key key{};
  if (bytes->size() != key.size()) {
    return fail(Code::kCorrupt,
                "{}: a key has {} bytes, this file {}; restore it from a copy, without it the "
                "pseudonyms of datasets and models cannot be made again",
                key_file.string(), key.size(), bytes->size());
  }
  std::memcpy(key.data(), bytes->data(), key.size());
  warn_when_others_may_read(key_file);
  return KeyedHash(key, tenant);
}

UserId KeyedHash::user(std::string_view external_id) const {
  return keyed<UserId>(external_id, user_key_);
}

ItemId KeyedHash::item(std::string_view external_id) const {
  return keyed<ItemId>(external_id, item_key_);
}

EventId KeyedHash::event(std::string_view event_id) const {
  return keyed<EventId>(event_id, event_key_);
}

RequestId KeyedHash::request(std::string_view request_id) const {
  return keyed<RequestId>(request_id, request_key_);
}

std::array<uint64_t, 2> KeyedHash::signature(std::string_view bytes) const {
  return keyed<RequestId>(bytes, signing_key_).words;
}

}  // namespace palate
