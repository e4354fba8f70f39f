// How much of what each live source sends may be wrong. A source beyond its budget is set aside,
// good events too, until it gets better: what is wrong with most of it may be wrong with all.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "events/validate.h"

namespace palate {

class ErrorBudgets {
 public:
  // `share`: of a source's events, 0 to 1.
  explicit ErrorBudgets(double share) : share_(share) {}

  static constexpr uint64_t kEventsToJudge = 1000;  // of a source, before it can be set aside
  static constexpr uint64_t kEventsSeen = 20'000;   // afterwards all that was seen counts half
  static constexpr size_t kSourcesMax = 1000;       // the others share one budget

  struct Verdict {
    double share = 0;  // of the newest events that were refused
    uint64_t events = 0;
  };
  // Counts what a source has sent now; a Verdict when it is beyond its budget. Thread-safe.
  std::optional<Verdict> take(std::string_view source, uint64_t events, uint64_t refused);

 private:
  struct Seen {
    uint64_t events = 0, refused = 0;
  };
  const double share_;
  std::mutex mutex_;
  std::map<std::string, Seen, std::less<>> sources_;
};

// Why what such a source sends is set aside.
Rejection beyond_budget(const ErrorBudgets::Verdict& verdict, std::string_view source);

// 1 to 64 letters, digits, '.', '_' and '-'.
bool is_source_name(std::string_view name);

}  // namespace palate
