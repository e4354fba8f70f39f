#include "evaluate/trained_on.h"

#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

namespace palate {

namespace {

// nullopt where a field is missing or of another type.
std::optional<DatasetView::Seen> read_seen(const nlohmann::json& seen) {
  DatasetView::Seen found;
  try {
    found.interactions = seen.at("interactions").get<uint64_t>();
    found.newest_ts.us = seen.at("newest_ts_us").get<int64_t>();
    found.newest_offset = seen.at("newest_offset").get<uint64_t>();
    const auto digits = seen.at("fingerprint").get<std::string>();
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), found.fingerprint, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

Result<DatasetView::Seen> trained_on(const Manifest& manifest) {
  const auto details = nlohmann::json::parse(manifest.details_json, nullptr, false);
  if (details.is_object()) {
    if (const auto seen = read_seen(details.value("seen", nlohmann::json()))) return *seen;
  }
  return fail(Code::kCorrupt,
              "model {} {}: its manifest does not say what it was trained on (details.seen), so a "
              "leak cannot be ruled out; train it again",
              manifest.kind, manifest.version);
}

}  // namespace palate
