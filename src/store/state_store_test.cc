// Every StateStore against the one contract.
#include <filesystem>

#include <stdlib.h>

#include "store/redis_server_for_test.h"
#include "store/redis_state.h"
#include "store/rocks_state.h"
#include "store/state_store_contract.h"

namespace palate {
namespace {

class RocksFixture : public StateStoreFixture {
 public:
  RocksFixture() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-state-XXXXXX").string();
    root_ = mkdtemp(name.data());
    open();
  }
  ~RocksFixture() override {
    state_.reset();
    database_.reset();
    std::filesystem::remove_all(root_);
  }
  StateStore& store() override { return *state_; }
  void reopen() override {
    state_.reset();
    database_.reset();
    open();
  }

 private:
  void open() {
    auto opened = Database::open(
        {.path = root_ / "db", .tenant = {}, .mode = DatabaseOptions::Mode::kWriter});
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = std::move(*opened);
    state_ = std::make_unique<RocksState>(*database_);
  }
  Path root_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RocksState> state_;
};

std::unique_ptr<StateStoreFixture> make_rocks() { return std::make_unique<RocksFixture>(); }

class RedisFixture : public StateStoreFixture {
 public:
  RedisFixture() { reopen(); }
  StateStore& store() override { return *state_; }
  void reopen() override {
    state_.reset();
    auto opened = RedisState::open({server_.config(), {}, "directory"});
    ASSERT_TRUE(opened) << opened.error().message;
    state_ = std::move(*opened);
  }

 private:
  RedisServer server_;
  std::unique_ptr<RedisState> state_;
};

std::unique_ptr<StateStoreFixture> make_redis() { return std::make_unique<RedisFixture>(); }

INSTANTIATE_TEST_SUITE_P(Redis, StateStoreContract, ::testing::Values(make_redis));
INSTANTIATE_TEST_SUITE_P(Rocks, StateStoreContract, ::testing::Values(make_rocks));

}  // namespace
}  // namespace palate
