#include "ingest/error_budgets.h"

#include <algorithm>

#include <fmt/format.h>

namespace palate {

std::optional<ErrorBudgets::Verdict> ErrorBudgets::take(std::string_view source, uint64_t events,
                                                        uint64_t refused) {
  const std::lock_guard lock(mutex_);
  auto at = sources_.find(source);
  if (at == sources_.end()) {
    const bool full = sources_.size() >= kSourcesMax;
    at = sources_.try_emplace(full ? "" : std::string(source)).first;
  }
  Seen& seen = at->second;
  seen.events += events;
  seen.refused += refused;
  if (seen.events > kEventsSeen) {
    seen.events /= 2;
    seen.refused /= 2;
  }
  const double share = static_cast<double>(seen.refused) / static_cast<double>(seen.events);
  if (seen.events < kEventsToJudge || share <= share_) return std::nullopt;
  return Verdict{share, seen.events};
}

Rejection beyond_budget(const ErrorBudgets::Verdict& verdict, std::string_view source) {
  return reject(Reason::kSetAside,
                fmt::format("{:.0f} % of the last {} events of '{}' were refused",
                            verdict.share * 100, verdict.events, source));
}

bool is_source_name(std::string_view name) {
  constexpr size_t kBytesMax = 64;
  return !name.empty() && name.size() <= kBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace palate
