#include "lake/keeper.h"

#include <chrono>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

namespace palate::lake {
namespace {

// Threads that this one starts inherit both. Refused: then it runs like the others.
void take_lowest_priority() {
  constexpr int kNice = 19;
  constexpr int kWhoIsProcess = 1, kIdleClass = 3, kClassShift = 13;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  syscall(SYS_ioprio_set, kWhoIsProcess, 0, kIdleClass << kClassShift);
}

void report(const Result<CompactionReport>& done) {
  if (!done && done.error().code == Code::kCancelled) return;
  if (!done) return log_warning("the lake was not compacted: {}", done.error().message);
  if (done->manifests == 0) return;
  log_info("the lake has taken in {} events in {:.1f} s (manifest {})", done->events, done->seconds,
           done->manifest);
}

}  // namespace

LakeKeeper::LakeKeeper(LakeDirectory lake, CompactionSource source, LakeConfig config)
    : lake_(std::move(lake)),
      source_(std::move(source)),
      config_(std::move(config)),
      thread_([this](const std::stop_token& stop) { loop(stop); }) {}

LakeKeeper::~LakeKeeper() = default;

void LakeKeeper::loop(const std::stop_token& stop) {
  take_lowest_priority();
  ThreadPool pool(1);
  const std::chrono::duration<double> every(config_.every_s);
  while (true) {
    {
      std::unique_lock lock(mutex_);
      woken_.wait_for(lock, stop, every, [] { return false; });
    }
    if (stop.stop_requested()) return;
    report(compact(source_, {lake_, config_, pool, stop}));
    give_memory_back();
  }
}

}  // namespace palate::lake
