// A load generator for an HTTP server: one thread, many keep-alive connections without pipelining.
//
// Open loop (a rate): requests have times at which they are due, from a schedule that does not know
// how the server does, and latency counts from when a request was due. So a server that stalls for
// 100 ms shows in the latency of all that came in those 100 ms, not in that of the one request that
// each connection happened to have out ("coordinated omission", Tene, How NOT to Measure Latency).
// Closed loop (no rate): every connection asks again as soon as it is answered; that gives the
// largest throughput, and latencies that say little.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "simulate/load/arrivals.h"
#include "simulate/load/latency_histogram.h"
#include "simulate/load/requests.h"

namespace palate {

struct LoadOptions {
  std::string url = "http://127.0.0.1:8080";
  RequestOptions requests;
  bool fresh = false;  // probes of freshness (fresh_probe.h) instead of requests.send
  double rate = 0;     // requests per second; 0: closed loop
  Arrivals::Kind arrivals = Arrivals::Kind::kConstant;
  int connections = 16;
  double seconds = 10;
  double warmup_s = 1;    // before that, and not measured
  double timeout_s = 10;  // a request that takes longer has failed; also waited for after the end
};

struct LoadReport {
  struct Kind {
    std::string name;
    LatencyHistogram latency;  // of everything that was due, also of what failed or was never sent
    uint64_t answered = 0;     // with a status below 400
  };
  std::vector<Kind> kinds;  // those of which something was due
  double seconds = 0;       // from the end of the warm-up to the last answer
  uint64_t due = 0;
  uint64_t refused = 0;       // answered with 400 or more
  uint64_t broken = 0;        // the connection ended, or what came was no HTTP
  uint64_t timed_out = 0;     // no answer within timeout_s
  uint64_t unsent = 0;        // no connection was free until the end
  uint64_t unchanged = 0;     // probes whose list never changed
  std::string first_failure;  // in words; empty: none
  LatencyHistogram late;      // sent so much later than due though a connection was free: our fault
  double cpu_share = 0;       // of one core, spent by the generator

  [[nodiscard]] uint64_t answered() const;
  [[nodiscard]] uint64_t failed() const {
    return refused + broken + timed_out + unsent + unchanged;
  }
  // The generator was itself too slow: latencies say more about it than about the server.
  [[nodiscard]] bool generator_was_late() const;
};

// Blocks until it is over. Errors: kInvalidArgument; kUnavailable when the server cannot be
// reached; kCancelled.
Result<LoadReport> run_load(const LoadOptions& options, const std::stop_token& stop);

}  // namespace palate
