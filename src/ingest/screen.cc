#include "ingest/screen.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <nlohmann/json.hpp>

namespace palate {
namespace {

using Json = nlohmann::ordered_json;

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Several batches as one (Chan, Golub, LeVeque 1979 for the moments).
BatchProfile pooled(std::span<const BatchProfile> batches) {
  BatchProfile all;
  for (const BatchProfile& batch : batches) {
    all.rows += batch.rows;
    all.refused += batch.refused;
    for (const auto& [type, count] : batch.types) all.types[type] += count;
    if (batch.values == 0) continue;
    const uint64_t values = all.values + batch.values;
    const double gap = batch.value_mean - all.value_mean, part = share(batch.values, values);
    all.value_squares += batch.value_squares + gap * gap * static_cast<double>(all.values) * part;
    all.value_mean += gap * part;
    all.values = values;
  }
  return all;
}

uint64_t median_rows(std::span<const BatchProfile> batches) {
  std::vector<uint64_t> rows;
  for (const BatchProfile& batch : batches) rows.push_back(batch.rows);
  const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  std::ranges::nth_element(rows, middle);
  return *middle;
}

uint64_t total(const std::map<std::string, uint64_t>& counts) {
  uint64_t sum = 0;
  for (const auto& [type, count] : counts) sum += count;
  return sum;
}

// Half the sum of the differences of the shares: the part of the events that is of other types.
double distance(const std::map<std::string, uint64_t>& a,
                const std::map<std::string, uint64_t>& b) {
  std::set<std::string> types;
  for (const auto& [type, count] : a) types.insert(type);
  for (const auto& [type, count] : b) types.insert(type);
  const uint64_t all_a = total(a), all_b = total(b);
  double sum = 0;
  for (const std::string& type : types) {
    const auto in_a = a.find(type), in_b = b.find(type);
    sum += std::abs(share(in_a == a.end() ? 0 : in_a->second, all_a) -
                    share(in_b == b.end() ? 0 : in_b->second, all_b));
  }
  return sum / 2;
}

}  // namespace

void BatchProfile::add(std::span<const EventView> events, const EventTypes& names) {
  const uint64_t room = kProfileRows - std::min(kProfileRows, rows);
  rows += events.size();
  // Most rows in a row are of one type.
  EventTypeId last;
  uint64_t* count = nullptr;
  for (const EventView& event : events.first(std::min<size_t>(events.size(), room))) {
    if (count == nullptr || event.type.value != last.value) {
      count = &types[names.at(event.type).name];
      last = event.type;
    }
    ++*count;
    if (std::isnan(event.value)) continue;
    ++values;
    const double gap = event.value - value_mean;
    value_mean += gap / static_cast<double>(values);
    value_squares += gap * (event.value - value_mean);
  }
}

std::vector<std::string> judge_batch(const BatchProfile& batch,
                                     std::span<const BatchProfile> before,
                                     const ScreenRules& rules) {
  std::vector<std::string> reasons;
  const double errors = share(batch.refused, batch.rows);
  if (batch.rows >= kRowsToJudge && errors > rules.error_budget) {
    reasons.push_back(fmt::format("{:.0f} % of its rows are refused; the budget is {:.0f} %",
                                  errors * 100, rules.error_budget * 100));
  }
  if (before.size() < kBatchesToJudge) return reasons;
  const uint64_t usual = median_rows(before);
  const double factor = share(batch.rows, usual);
  if (usual >= kRowsToJudge && (factor > rules.volume_factor || factor < 1 / rules.volume_factor)) {
    reasons.push_back(fmt::format("{} rows; {} are usual", batch.rows, usual));
  }
  const BatchProfile all = pooled(before);
  const double shift = distance(batch.types, all.types);
  if (total(batch.types) >= kRowsToJudge && shift > rules.types_shift) {
    reasons.push_back(
        fmt::format("{:.0f} % of its events are of other types than usual", shift * 100));
  }
  if (batch.values < kRowsToJudge || all.values < kRowsToJudge) return reasons;
  const double deviation = std::sqrt(all.value_squares / static_cast<double>(all.values));
  const double gap = std::abs(batch.value_mean - all.value_mean);
  if (gap > rules.values_shift * deviation && gap > 1e-9 * std::abs(all.value_mean)) {
    reasons.push_back(fmt::format("values of {:.4g} on average; {:.4g} ± {:.2g} are usual",
                                  batch.value_mean, all.value_mean, deviation));
  }
  return reasons;
}

std::string source_of(std::string_view file_name) {
  std::string out;
  for (const char c : file_name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) out += c;
    if (digit && !out.ends_with('#')) out += '#';
  }
  return out;
}

std::string to_json(std::span<const BatchProfile> profiles) {
  Json list = Json::array();
  for (const BatchProfile& profile : profiles) {
    list.push_back({{"rows", profile.rows},
                    {"refused", profile.refused},
                    {"types", profile.types},
                    {"values", profile.values},
                    {"value_mean", profile.value_mean},
                    {"value_squares", profile.value_squares}});
  }
  return list.dump();
}

Result<std::vector<BatchProfile>> profiles_from_json(std::string_view json) {
  try {
    std::vector<BatchProfile> profiles;
    for (const auto& entry : nlohmann::json::parse(json)) {
      BatchProfile profile;
      profile.rows = entry.at("rows").get<uint64_t>();
      profile.refused = entry.at("refused").get<uint64_t>();
      profile.types = entry.at("types").get<std::map<std::string, uint64_t>>();
      profile.values = entry.at("values").get<uint64_t>();
      profile.value_mean = entry.at("value_mean").get<double>();
      profile.value_squares = entry.at("value_squares").get<double>();
      profiles.push_back(std::move(profile));
    }
    return profiles;
  } catch (const nlohmann::json::exception& error) {
    return fail(Code::kCorrupt, "what is known of earlier batches is damaged: {}", error.what());
  }
}

}  // namespace palate
