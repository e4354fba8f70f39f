#include "serve/live_models.h"

#include <chrono>

#include "base/log.h"

namespace palate {
namespace {

// A release that failed is tried again this much later: what was missing may have come.
constexpr int64_t kRetryUs = 5'000'000;
// The catalogue may change all the time; a model that knows later items is told of them at most so
// often.
constexpr int64_t kReadUs = 2'000'000;

int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

LiveModels::LiveModels(Parts parts) : parts_(std::move(parts)), registry_(parts_.tenant_directory) {
  look();
  thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

LiveModels::~LiveModels() {
  thread_.request_stop();
  thread_.join();
}

LiveModels::Pair LiveModels::get() const {
  std::lock_guard lock(mutex_);
  return pair_;
}

Result<std::shared_ptr<const Recommender>> LiveModels::current() const {
  Pair models = get();
  if (models.current) return std::move(models.current);
  return fail(Code::kUnavailable,
              "No release is loaded yet; see /readyz, and `palate train` makes one.");
}

LiveModels::Report LiveModels::report() const {
  std::lock_guard lock(mutex_);
  Report report = report_;
  if (pair_.current != nullptr) report.shifts = pair_.current->feature_shifts();
  return report;
}

void LiveModels::watch(const std::stop_token& stop) {
  const auto poll = std::chrono::microseconds(static_cast<int64_t>(parts_.poll_ms * 1e3));
  std::mutex waiting;
  std::unique_lock lock(waiting);
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, poll, [] { return false; });
    if (!stop.stop_requested()) look();
  }
}

void LiveModels::look_now() {
  {
    const std::lock_guard lock(looking_);
    retry_at_us_ = 0;
  }
  look();
}

void LiveModels::look() {
  const std::lock_guard looking(looking_);
  const auto release = registry_.current();
  const Report before = report();
  if (!release) {
    if (steady_us() >= retry_at_us_) note_failure(0, release.error());
    return;
  }
  if (!*release || (*release)->number == before.release) {
    std::unique_lock lock(mutex_);
    report_.failed_release = 0;
    report_.failure.clear();
    lock.unlock();
    if (*release && catalogue_has_moved()) install(**release);
    return;
  }
  const bool failed_before = !before.failure.empty() && before.failed_release == (*release)->number;
  if (!failed_before || steady_us() >= retry_at_us_) install(**release);
}

// Whether the catalogue says what a model of the release would know if it was loaded again.
bool LiveModels::catalogue_has_moved() {
  const auto current = get().current;
  if (!current || steady_us() < read_at_us_ + kReadUs) return false;
  const uint64_t catalogue = parts_.state->catalogue().view().version();
  if (catalogue == read_) return false;
  read_at_us_ = steady_us();
  if (current->outdated()) return true;
  read_ = catalogue;
  return false;
}

void LiveModels::install(const Release& release) {
  const Pair now = get();
  const uint64_t catalogue = parts_.state->catalogue().view().version();
  auto loaded = Recommender::load({registry_, *parts_.state, *parts_.pipelines, parts_.pipeline,
                                   parts_.decisions, now.current.get()},
                                  release);
  if (!loaded) return note_failure(release.number, loaded.error());
  const bool again = now.current && now.current->release().number == release.number;
  if (!again) log_info("release {} answers now", release.number);
  read_at_us_ = steady_us();
  read_ = catalogue;
  Pair old;  // the one that leaves is destroyed after the lock
  std::lock_guard lock(mutex_);
  old.current = std::move(again ? pair_.current : pair_.previous);
  if (!again) pair_.previous = std::move(pair_.current);
  pair_.current = std::move(*loaded);
  report_.release = release.number;
  report_.failed_release = 0;
  report_.failure.clear();
  ++report_.loads;
}

void LiveModels::note_failure(uint64_t release, const Error& error) {
  retry_at_us_ = steady_us() + kRetryUs;
  log_error("release {} does not load, the one before serves on: {}", release, error.message);
  std::lock_guard lock(mutex_);
  report_.failed_release = release;
  report_.failure = error.message;
  ++report_.failures;
}

}  // namespace palate
