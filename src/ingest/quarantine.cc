#include "ingest/quarantine.h"

#include <algorithm>
#include <system_error>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "events/limits.h"

namespace palate {
namespace {
constexpr size_t kBufferBytes = 64 * 1024;
}

Quarantine::Quarantine(Path directory, std::string name)
    : directory_(std::move(directory)), name_(std::move(name)) {}

Status Quarantine::open() {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) {
    return std::unexpected(errno_error(error.value(), "make the quarantine folder", directory_));
  }
  std::string time = format_rfc3339(now());
  std::erase_if(time, [](char c) { return c == ':' || c == '-'; });
  path_ = directory_ / fmt::format("{}-{}-{}.jsonl", time, name_, getpid());
  file_.emplace(TRY(FileWriter::create(path_, true)));
  return {};
}

Status Quarantine::add(const Reject& reject) {
  ++counts_[std::string(reason_info(reject.reason).code)];
  if (bytes_ >= kQuarantineBytesMax) return {};
  if (!file_) TRY(open());
  const nlohmann::ordered_json line = {
      {"file", reject.file},
      {"line", reject.line},
      {"reason", reason_info(reject.reason).code},
      {"sentence", reject.sentence},
      {"row", reject.bytes.substr(0, kRejectBytesMax)},
  };
  const size_t before = buffer_.size();
  buffer_ += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  bytes_ += buffer_.size() - before;
  if (buffer_.size() < kBufferBytes) return {};
  TRY(file_->write(buffer_));
  buffer_.clear();
  return {};
}

Status Quarantine::close() {
  if (!file_) return {};
  TRY(file_->write(buffer_));
  buffer_.clear();
  TRY(file_->sync());
  TRY(file_->close());
  file_.reset();
  return {};
}

}  // namespace palate
