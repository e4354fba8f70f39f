#include "store/rocks_state.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "store/rocks_bulk.h"

namespace palate {
namespace {

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

RocksState::RocksState(Database& database)
    : database_(database), tenant_prefix_(database.tenant().name + '\0') {}

std::string RocksState::full_key(std::string_view key) const {
  std::string full;
  full.reserve(tenant_prefix_.size() + key.size());
  full.append(tenant_prefix_).append(key);
  return full;
}

Result<std::vector<std::optional<std::string>>> RocksState::seek_each(
    std::span<const std::string> keys) const {
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.rocks().NewIterator(rocksdb::ReadOptions(), database_.column(Column::kState)));
  std::vector<std::optional<std::string>> out(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string key = full_key(keys[i]);
    it->Seek(key);
    if (it->Valid() && it->key() == slice(key)) out[i] = it->value().ToString();
    if (!it->status().ok()) return std::unexpected(database_.error(it->status(), "read state"));
  }
  return out;
}

Result<std::optional<std::string>> RocksState::get(std::string_view key) const {
  if (!database_.writable()) {
    const std::string one(key);
    return std::move(TRY(seek_each({&one, 1})).front());
  }
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database_.rocks().Get(
      rocksdb::ReadOptions(), database_.column(Column::kState), full_key(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return std::unexpected(database_.error(status, "read state"));
  return std::optional<std::string>(value.ToString());
}

Result<std::vector<std::optional<std::string>>> RocksState::multi_get(
    std::span<const std::string> keys) const {
  if (!database_.writable()) return seek_each(keys);
  std::vector<std::string> full;
  full.reserve(keys.size());
  for (const std::string& key : keys) full.push_back(full_key(key));
  const std::vector<rocksdb::Slice> slices(full.begin(), full.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  database_.rocks().MultiGet(rocksdb::ReadOptions(), database_.column(Column::kState), keys.size(),
                             slices.data(), values.data(), statuses.data());
  std::vector<std::optional<std::string>> out(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      out[i] = values[i].ToString();
    } else if (!statuses[i].IsNotFound()) {
      return std::unexpected(database_.error(statuses[i], "read state"));
    }
  }
  return out;
}

Status RocksState::write(std::span<const Put> batch) {
  PALATE_CHECK(database_.writable(), "a reader cannot write");
  rocksdb::WriteBatch writes;
  rocksdb::ColumnFamilyHandle* column = database_.column(Column::kState);
  std::string key;
  for (const Put& put : batch) {
    key.assign(tenant_prefix_).append(put.key);
    const rocksdb::Status added =
        put.value ? writes.Put(column, key, *put.value) : writes.Delete(column, key);
    if (!added.ok()) return std::unexpected(database_.error(added, "collect state"));
  }
  const rocksdb::Status status = database_.write(writes, Database::Durable::kLater);
  if (!status.ok()) return std::unexpected(database_.error(status, "write state"));
  return {};
}

Result<std::unique_ptr<StateStore::Bulk>> RocksState::bulk() {
  PALATE_CHECK(database_.writable(), "a reader cannot write");
  return make_rocks_bulk(database_, tenant_prefix_);
}

Status RocksState::scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  const std::string begin = full_key(prefix);
  rocksdb::ReadOptions read;
  read.fill_cache = false;  // one pass over much must not push out what requests read
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.rocks().NewIterator(read, database_.column(Column::kState)));
  for (it->Seek(begin); it->Valid() && it->key().starts_with(slice(begin)); it->Next()) {
    const std::string_view key = it->key().ToStringView().substr(tenant_prefix_.size());
    if (!visit(key, it->value().ToStringView())) return {};
  }
  if (!it->status().ok()) return std::unexpected(database_.error(it->status(), "scan state"));
  return {};
}

Status RocksState::sync() {
  PALATE_CHECK(database_.writable(), "a reader cannot write");
  const rocksdb::Status status = database_.rocks().FlushWAL(/*sync=*/true);
  if (!status.ok()) return std::unexpected(database_.error(status, "sync state"));
  return {};
}

}  // namespace palate
