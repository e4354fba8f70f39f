#include "events/rocks_log.h"

#include <filesystem>

#include <stdlib.h>

#include "events/log_contract.h"

namespace palate {
namespace {

class RocksFixture : public EventLogFixture {
 public:
  RocksFixture() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-log-XXXXXX").string();
    root_ = mkdtemp(name.data());
    open();
  }
  ~RocksFixture() override {
    log_.reset();
    database_.reset();
    std::filesystem::remove_all(root_);
  }
  EventLog& log() override { return *log_; }
  void reopen() override {
    log_.reset();
    database_.reset();
    open();
  }

 private:
  void open() {
    database_ =
        Database::open({.path = root_ / "db", .tenant = {}, .mode = DatabaseOptions::Mode::kWriter})
            .value();
    log_ = RocksLog::open(*database_).value();
  }
  Path root_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RocksLog> log_;
};

std::unique_ptr<EventLogFixture> make_rocks() { return std::make_unique<RocksFixture>(); }

INSTANTIATE_TEST_SUITE_P(Rocks, EventLogContract, ::testing::Values(make_rocks));

}  // namespace
}  // namespace palate
