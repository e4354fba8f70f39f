#include "base/faults.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <mutex>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"

namespace palate {
namespace {

std::mutex faults_mutex;
FileFaults faults;  // guarded by it
std::atomic<bool> faults_set{false};

struct ErrorName {
  std::string_view name;
  int number;
};
constexpr std::array kErrors{
    ErrorName{"none", 0},        ErrorName{"ENOSPC", ENOSPC}, ErrorName{"EDQUOT", EDQUOT},
    ErrorName{"EIO", EIO},       ErrorName{"EACCES", EACCES}, ErrorName{"EROFS", EROFS},
    ErrorName{"EMFILE", EMFILE}, ErrorName{"ENOMEM", ENOMEM}, ErrorName{"EFBIG", EFBIG}};

std::unexpected<Error> bad_word(std::string_view word) {
  return fail(Code::kInvalidArgument, "PALATE_FAULTS: '{}' is not understood; see base/faults.h",
              word);
}

Status set_number(std::string_view word, std::string_view value, uint64_t& out) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error != std::errc() || end != value.data() + value.size()) return bad_word(word);
  return {};
}

Status set_error(std::string_view word, std::string_view value, FaultPlan& plan) {
  plan.kills = value == "kill";
  if (plan.kills) return {};
  for (const ErrorName& error : kErrors) {
    if (error.name != value) continue;
    plan.error = error.number;
    return {};
  }
  return bad_word(word);
}

Status set_word(std::string_view word, FaultPlan& plan) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) return bad_word(word);
  const std::string_view key = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (key == "error") return set_error(word, value, plan);
  if (key == "nth") return set_number(word, value, plan.nth);
  if (key == "times") return set_number(word, value, plan.times);
  if (key == "memory") return set_number(word, value, plan.memory_bytes.emplace());
  for (const auto& [name, member] :
       {std::pair{"op", &plan.operation}, std::pair{"path", &plan.path},
        std::pair{"while", &plan.only_while}, std::pair{"trace", &plan.trace},
        std::pair{"clock", &plan.clock}}) {
    if (key != name) continue;
    *member = value;
    return {};
  }
  return bad_word(word);
}

bool concerns(const FaultPlan& plan, std::string_view operation, const std::string& path) {
  const bool reads = operation == "read" || operation == "map";
  if (plan.operation.empty() ? reads : operation.find(plan.operation) == std::string_view::npos)
    return false;
  return path.find(plan.path) != std::string::npos;
}

// Written at once, so that lines of several processes do not mix.
void trace(const std::string& file, const std::string& line) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(fd, line.data(), line.size());
  ::close(fd);
}

int act(const FaultPlan& plan, std::string_view operation, const std::filesystem::path& path) {
  static uint64_t matched = 0;  // guarded by faults_mutex
  const std::string name = path.string();
  if (!concerns(plan, operation, name)) return 0;
  if (!plan.only_while.empty() && ::access(plan.only_while.c_str(), F_OK) != 0) return 0;
  ++matched;
  const bool reached = matched >= plan.nth && (plan.times == 0 || matched - plan.nth < plan.times);
  const bool hit = reached && (plan.kills || plan.error != 0);
  if (!plan.trace.empty()) {
    trace(plan.trace,
          fmt::format("{} {} {}{}\n", matched, operation, name, hit ? " <- fault" : ""));
  }
  if (!hit) return 0;
  if (plan.kills) ::raise(SIGKILL);
  return plan.error;
}

std::string& clock_file() {
  static std::string file;
  return file;
}

TimeUs shifted_clock() {
  std::array<char, 32> text{};
  const int fd = ::open(clock_file().c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? 0 : ::read(fd, text.data(), text.size() - 1);
  if (fd >= 0) ::close(fd);
  const int64_t offset_s = got > 0 ? std::strtoll(text.data(), nullptr, 10) : 0;
  return believed({real_now().us + offset_s * kSecondUs});
}

}  // namespace

void set_file_faults_for_test(FileFaults planted) {
  const std::lock_guard lock(faults_mutex);
  faults = std::move(planted);
  faults_set.store(static_cast<bool>(faults), std::memory_order_release);
}

int file_fault(std::string_view operation, const std::filesystem::path& path) {
  if (!faults_set.load(std::memory_order_acquire)) return 0;
  const std::lock_guard lock(faults_mutex);
  return faults ? faults(operation, path) : 0;
}

Result<FaultPlan> parse_fault_plan(std::string_view text) {
  FaultPlan plan;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    TRY(set_word(text.substr(0, comma), plan));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return plan;
}

Status plant_faults_from_environment() {
  const char* text = std::getenv("PALATE_FAULTS");
  if (text == nullptr || *text == '\0') return {};
  const FaultPlan plan = TRY(parse_fault_plan(text));
  log_warning("PALATE_FAULTS is set: this process misbehaves on purpose ({})", text);
  if (plan.memory_bytes) set_available_memory_for_test(plan.memory_bytes);
  if (!plan.clock.empty()) {
    clock_file() = plan.clock;
    set_clock_for_test(shifted_clock);
  }
  if (plan.error != 0 || plan.kills || !plan.trace.empty()) {
    set_file_faults_for_test([plan](std::string_view operation, const std::filesystem::path& path) {
      return act(plan, operation, path);
    });
  }
  return {};
}

}  // namespace palate
