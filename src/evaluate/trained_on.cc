#include "evaluate/trained_on.h"

#include <charconv>

#include <nlohmann/json.hpp>

namespace palate {

Result<DatasetView::Seen> trained_on(const Manifest& manifest) {
  const auto details = nlohmann::json::parse(manifest.details_json, nullptr, false);
  const auto seen = details.is_object() ? details.value("seen", nlohmann::json()) : details;
  DatasetView::Seen found;
  try {
    found.interactions = seen.at("interactions").get<uint64_t>();
    found.newest_ts.us = seen.at("newest_ts_us").get<int64_t>();
    found.newest_offset = seen.at("newest_offset").get<uint64_t>();
    const auto digits = seen.at("fingerprint").get<std::string>();
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), found.fingerprint, 16);
    if (error == std::errc() && end == digits.data() + digits.size()) return found;
  } catch (const nlohmann::json::exception&) {
    // falls through to the error below
  }
  return fail(Code::kCorrupt,
              "model {} {}: its manifest does not say what it was trained on (details.seen), so a "
              "leak cannot be ruled out; train it again",
              manifest.kind, manifest.version);
}

}  // namespace palate
