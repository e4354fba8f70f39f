#include "base/progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

namespace palate {
namespace {

constexpr int64_t kFirstDrawUs = 2'000'000;  // work that ends sooner needs no bar
constexpr int64_t kRedrawUs = 200'000;
constexpr int kBarWidth = 24;

std::atomic<bool> disabled{false};

bool wanted() { return !disabled && ::isatty(STDERR_FILENO) == 1; }

std::string human(double count) {
  if (count >= 1e9) return fmt::format("{:.2f} G", count / 1e9);
  if (count >= 1e6) return fmt::format("{:.2f} M", count / 1e6);
  if (count >= 1e4) return fmt::format("{:.1f} k", count / 1e3);
  return fmt::format("{:.0f}", count);
}

}  // namespace

void Progress::disable() { disabled = true; }

Progress::Progress(std::string doing, uint64_t total, std::string unit)
    : doing_(std::move(doing)),
      unit_(std::move(unit)),
      total_(total),
      next_draw_us_(wanted() ? kFirstDrawUs : INT64_MAX),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) draw(true);
}

void Progress::add(uint64_t done) {
  done_.fetch_add(done, std::memory_order_relaxed);
  int64_t due_us = next_draw_us_.load(std::memory_order_relaxed);
  if (due_us == INT64_MAX) return;
  const auto spent = std::chrono::steady_clock::now() - start_;
  const int64_t spent_us = std::chrono::duration_cast<std::chrono::microseconds>(spent).count();
  if (spent_us < due_us) return;
  if (next_draw_us_.compare_exchange_strong(due_us, spent_us + kRedrawUs)) draw(false);
}

void Progress::draw(bool last) {
  const std::lock_guard lock(drawing_);
  drawn_ = true;
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
  const double done = static_cast<double>(done_);
  const double total = static_cast<double>(total_);
  std::string line = fmt::format("\r\033[K{} ", doing_);
  if (total > 0) {
    const double share = std::min(1.0, done / total);
    const int full = static_cast<int>(share * kBarWidth);
    line += fmt::format("[{}{}] {:3.0f} %  ", std::string(static_cast<size_t>(full), '#'),
                        std::string(static_cast<size_t>(kBarWidth - full), '.'), share * 100);
    if (!last && share > 0)
      line += fmt::format("{:.0f} s left  ", spent.count() * (1 - share) / share);
  }
  line += fmt::format("{}{}{}, {}/s", human(done), unit_.empty() ? "" : " ", unit_,
                      human(done / spent.count()));
  if (last) line += '\n';
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace palate
