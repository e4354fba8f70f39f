#include "simulate/load/load.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <deque>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/stop.h"
#include "simulate/load/connection.h"
#include "simulate/load/fresh_probe.h"

namespace palate {
namespace {

constexpr int kConnectionsMax = 20'000;
constexpr double kRateMax = 5e6, kSecondsMax = 86'400;
constexpr int64_t kLookAroundNs = 20'000'000;  // for timeouts, lost connections and Ctrl-C
constexpr int64_t kConnectNs = 5'000'000'000;
constexpr int kReadyMax = 256;  // of one call of epoll
constexpr int64_t kLateNs = 1'000'000;

int64_t clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Status check(const LoadOptions& options) {
  const auto wrong = [](std::string_view what, double least, double most) {
    return fail(Code::kInvalidArgument, "{} is a number from {} to {}.", what, least, most);
  };
  const RequestOptions& requests = options.requests;
  if (!(options.rate >= 0 && options.rate <= kRateMax)) return wrong("The rate", 0, kRateMax);
  if (options.connections < 1 || options.connections > kConnectionsMax) {
    return wrong("The count of connections", 1, kConnectionsMax);
  }
  if (!(options.seconds > 0 && options.seconds <= kSecondsMax)) {
    return wrong("The duration", 0, kSecondsMax);
  }
  if (!(options.warmup_s >= 0 && options.warmup_s <= kSecondsMax)) {
    return wrong("The warm-up", 0, kSecondsMax);
  }
  if (!(options.timeout_s > 0 && options.timeout_s <= 600)) return wrong("The timeout", 0, 600);
  if (!(requests.zipf >= 0 && requests.zipf <= 10)) return wrong("The Zipf exponent", 0, 10);
  if (requests.n < 1 || requests.n > 1000) return wrong("The length of a list", 1, 1000);
  if (requests.batch < 1 || requests.batch > 10'000) return wrong("A batch", 1, 10'000);
  return {};
}

// One connection and what it is doing.
struct Slot {
  LoadConnection connection;
  FreshProbe probe = {};
  bool measured = false;  // a request with a due time is out
  bool idle = false;      // in the queue of those that can send
  RequestKind kind = {};
  int64_t due_ns = 0;  // since the start
  int64_t sent_ns = 0;
  int64_t idle_ns = 0;  // when it became so
};

class LoadRun {
 public:
  LoadRun(const LoadOptions& options, RequestMaker requests, LoadTarget target);
  ~LoadRun() { close(epoll_); }
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;

  Status connect_all(const std::stop_token& stop);
  Status run(const std::stop_token& stop);
  LoadReport take() { return std::move(report_); }

 private:
  [[nodiscard]] int64_t since_start() const { return clock_ns() - start_ns_; }
  [[nodiscard]] bool all_sent() const { return arrivals_.next_ns() >= end_ns_; }
  [[nodiscard]] bool closed_loop() const { return options_.rate == 0; }
  void wait(int64_t ns);
  void on_ready(Slot& slot, uint32_t ready);
  void on_answer(Slot& slot, const LoadConnection::Answer& answer);
  void on_fresh_answer(Slot& slot, const LoadConnection::Answer& answer);
  void on_failure(Slot& slot, const Error& error, uint64_t& count);
  void make_idle(Slot& slot);
  void probe_again(Slot& slot);
  void send_what_is_due();
  void send_next(Slot& slot);
  void send(Slot& slot);
  void finish(Slot& slot, bool good);
  void look_around();
  void count_unsent();
  [[nodiscard]] int64_t until_next() const;
  LoadReport::Kind& kind_row(RequestKind kind);
  void fail_with(const std::string& words);

  const LoadOptions& options_;
  RequestMaker requests_;
  const LoadTarget target_;
  Arrivals arrivals_;
  int epoll_;
  std::vector<Slot> slots_;
  std::deque<uint32_t> idle_;
  int64_t start_ns_ = 0, warm_ns_ = 0, end_ns_ = 0;
  int64_t looked_ns_ = 0, last_answer_ns_ = 0;
  size_t out_ = 0;  // measured requests under way
  LoadReport report_;
};

LoadRun::LoadRun(const LoadOptions& options, RequestMaker requests, LoadTarget target)
    : options_(options),
      requests_(std::move(requests)),
      target_(std::move(target)),
      arrivals_(options.arrivals, options.rate > 0 ? options.rate : 1, options.requests.seed),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  prctl(PR_SET_TIMERSLACK, 1);  // the kernel would let timers of this thread be 50 us late
  slots_.reserve(static_cast<size_t>(options.connections));
  for (int i = 0; i < options.connections; ++i) {
    slots_.push_back({.connection = LoadConnection(epoll_, static_cast<uint32_t>(i))});
  }
}

void LoadRun::wait(int64_t ns) {
  epoll_event ready[kReadyMax];
  const timespec limit{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  const int count = epoll_pwait2(epoll_, ready, kReadyMax, &limit, nullptr);
  for (int i = 0; i < count; ++i) {
    on_ready(slots_[ready[i].data.u32], ready[i].events);
    if (start_ns_ != 0) send_what_is_due();
  }
}

Status LoadRun::connect_all(const std::stop_token& stop) {
  const int64_t deadline = clock_ns() + kConnectNs;
  for (Slot& slot : slots_) {
    if (auto begun = slot.connection.connect(target_); !begun) fail_with(begun.error().message);
  }
  const auto open = [](const Slot& slot) { return slot.connection.open(); };
  while (!std::ranges::all_of(slots_, open)) {
    TRY(check_stop(stop));
    if (!report_.first_failure.empty() || clock_ns() > deadline) {
      return fail(
          Code::kUnavailable,
          "{} of {} connections to {} could not be opened ({}). Is the server running there "
          "(palate serve), and does it take so many (serve.connections_max)?",
          slots_.size() - static_cast<size_t>(std::ranges::count_if(slots_, open)), slots_.size(),
          options_.url, report_.first_failure.empty() ? "time is up" : report_.first_failure);
    }
    wait(kLookAroundNs);
  }
  return {};
}

Status LoadRun::run(const std::stop_token& stop) {
  warm_ns_ = std::llround(options_.warmup_s * 1e9);
  end_ns_ = warm_ns_ + std::llround(options_.seconds * 1e9);
  const int64_t give_up_ns = end_ns_ + std::llround(options_.timeout_s * 1e9);
  start_ns_ = clock_ns();
  for (Slot& slot : slots_) {
    if (!slot.measured && !slot.idle) options_.fresh ? probe_again(slot) : make_idle(slot);
  }
  double cpu_before = cpu_s();
  bool warm = false;
  for (;;) {
    TRY(check_stop(stop));
    const int64_t now_ns = since_start();
    if (!warm && now_ns >= warm_ns_) {
      warm = true;
      cpu_before = cpu_s();
    }
    send_what_is_due();
    const bool done = closed_loop() ? now_ns >= end_ns_ : all_sent();
    if ((done && out_ == 0) || now_ns >= give_up_ns) break;
    if (now_ns - looked_ns_ >= kLookAroundNs) look_around();
    wait(until_next());
  }
  count_unsent();
  report_.seconds = static_cast<double>(std::max(end_ns_, last_answer_ns_) - warm_ns_) * 1e-9;
  report_.cpu_share = (cpu_s() - cpu_before) / report_.seconds;
  return {};
}

int64_t LoadRun::until_next() const {
  if (closed_loop() || idle_.empty() || all_sent()) return kLookAroundNs;
  return std::clamp<int64_t>(arrivals_.next_ns() - since_start(), 0, kLookAroundNs);
}

void LoadRun::on_ready(Slot& slot, uint32_t ready) {
  if (slot.connection.closed()) return;
  const bool was_open = slot.connection.open();
  const auto answer = slot.connection.on_ready(ready);
  if (!answer) {
    const bool expected = was_open && !slot.connection.busy();  // an idle one may be closed
    if (!expected) fail_with(answer.error().message);
    return on_failure(slot, answer.error(), report_.broken);
  }
  if (*answer) return options_.fresh ? on_fresh_answer(slot, **answer) : on_answer(slot, **answer);
  if (!was_open && slot.connection.open() && start_ns_ != 0) {
    options_.fresh ? probe_again(slot) : make_idle(slot);
  }
}

void LoadRun::on_answer(Slot& slot, const LoadConnection::Answer& answer) {
  const bool good = answer.status < 400;
  if (!good && slot.due_ns >= warm_ns_) {
    ++report_.refused;
    fail_with(fmt::format("status {}: {}", answer.status, answer.body.substr(0, 200)));
  }
  finish(slot, good);
  make_idle(slot);
}

void LoadRun::on_fresh_answer(Slot& slot, const LoadConnection::Answer& answer) {
  const auto step =
      slot.probe.answered(answer.status, answer.body, requests_, slot.connection.request());
  using Step = FreshProbe::Step;
  switch (step) {
    case Step::kReady:
      return make_idle(slot);
    case Step::kChanged:
      finish(slot, true);
      return probe_again(slot);
    case Step::kUnchanged:
    case Step::kFailed:
      if (slot.measured && slot.due_ns >= warm_ns_) {
        ++(step == Step::kFailed ? report_.refused : report_.unchanged);
      }
      if (step == Step::kFailed && answer.status != 200) {
        fail_with(fmt::format("status {}: {}", answer.status, answer.body.substr(0, 200)));
      }
      finish(slot, false);
      return probe_again(slot);
    default:
      return send(slot);
  }
}

void LoadRun::on_failure(Slot& slot, const Error& error, uint64_t& count) {
  if (slot.measured) {
    if (slot.due_ns >= warm_ns_) ++count;
    fail_with(error.message);
    finish(slot, false);
  }
  slot.connection.close();  // look_around() connects again
  if (slot.idle) std::erase(idle_, static_cast<uint32_t>(&slot - slots_.data()));
  slot.idle = false;
}

void LoadRun::make_idle(Slot& slot) {
  if (!slot.connection.open()) return;
  slot.idle = true;
  slot.idle_ns = since_start();
  idle_.push_back(static_cast<uint32_t>(&slot - slots_.data()));
}

void LoadRun::probe_again(Slot& slot) {
  if (!slot.connection.open()) return;
  slot.probe.begin(requests_, slot.connection.request());
  send(slot);
}

void LoadRun::send_what_is_due() {
  while (!idle_.empty()) {
    const int64_t now_ns = since_start();
    const int64_t due_ns = closed_loop() ? now_ns : arrivals_.next_ns();
    if (due_ns > now_ns || due_ns >= end_ns_) return;
    Slot& slot = slots_[idle_.front()];
    idle_.pop_front();
    slot.idle = false;
    slot.due_ns = due_ns;
    if (!closed_loop()) {
      arrivals_.advance();
      if (due_ns >= warm_ns_) report_.late.add(now_ns - std::max(due_ns, slot.idle_ns));
    }
    send_next(slot);
  }
}

void LoadRun::send_next(Slot& slot) {
  slot.measured = true;
  ++out_;
  if (slot.due_ns >= warm_ns_) ++report_.due;
  std::string& request = slot.connection.request();
  if (options_.fresh) {
    slot.probe.act(requests_, request);
  } else {
    slot.kind = requests_.draw_kind();
    requests_.write(slot.kind, request);
  }
  send(slot);
}

void LoadRun::send(Slot& slot) {
  slot.sent_ns = since_start();
  if (auto sent = slot.connection.send(); !sent) on_failure(slot, sent.error(), report_.broken);
}

// The measured request of a slot is over.
void LoadRun::finish(Slot& slot, bool good) {
  if (!slot.measured) return;
  slot.measured = false;
  --out_;
  last_answer_ns_ = since_start();
  if (slot.due_ns < warm_ns_) return;
  LoadReport::Kind& row = kind_row(slot.kind);
  row.latency.add(last_answer_ns_ - slot.due_ns);
  if (good) ++row.answered;
}

LoadReport::Kind& LoadRun::kind_row(RequestKind kind) {
  const std::string_view name = options_.fresh ? "fresh" : name_of(kind);
  const auto row = std::ranges::find(report_.kinds, name, &LoadReport::Kind::name);
  if (row != report_.kinds.end()) return *row;
  return report_.kinds.emplace_back(LoadReport::Kind{.name = std::string(name), .latency = {}});
}

void LoadRun::look_around() {
  looked_ns_ = since_start();
  const int64_t timeout_ns = std::llround(options_.timeout_s * 1e9);
  for (Slot& slot : slots_) {
    if (slot.connection.busy() && looked_ns_ - slot.sent_ns > timeout_ns) {
      on_failure(slot, {Code::kDeadline, fmt::format("no answer within {} s", options_.timeout_s)},
                 report_.timed_out);
    }
    if (!slot.connection.closed()) continue;
    if (auto begun = slot.connection.connect(target_); !begun) slot.connection.close();
  }
}

// What was due and never got a connection, or no answer until now, took at least as long as this.
void LoadRun::count_unsent() {
  const int64_t now_ns = since_start();
  for (Slot& slot : slots_) {
    if (!slot.measured) continue;
    if (slot.due_ns >= warm_ns_) ++report_.timed_out;
    finish(slot, false);
  }
  if (closed_loop()) return;
  for (; !all_sent(); arrivals_.advance()) {
    if (arrivals_.next_ns() < warm_ns_) continue;
    ++report_.due;
    ++report_.unsent;
    kind_row(options_.fresh ? RequestKind{} : requests_.draw_kind())
        .latency.add(now_ns - arrivals_.next_ns());
  }
}

void LoadRun::fail_with(const std::string& words) {
  if (report_.first_failure.empty()) report_.first_failure = words;
}

}  // namespace

uint64_t LoadReport::answered() const {
  uint64_t sum = 0;
  for (const Kind& kind : kinds) sum += kind.answered;
  return sum;
}

bool LoadReport::generator_was_late() const { return late.quantile_ns(0.99) > kLateNs; }

Result<LoadReport> run_load(const LoadOptions& options, const std::stop_token& stop) {
  TRY(check(options));
  LoadTarget target = TRY(LoadTarget::parse(options.url));
  RequestOptions request_options = options.requests;
  request_options.host = target.host;
  auto requests = TRY(RequestMaker::make(request_options));
  LoadRun run(options, std::move(requests), std::move(target));
  TRY(run.connect_all(stop));
  TRY(run.run(stop));
  return run.take();
}

}  // namespace palate
