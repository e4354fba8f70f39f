#include "ingest/forget.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/stop.h"
#include "base/time.h"
#include "events/quarantine_erase.h"
#include "events/quarantine_files.h"
#include "features/user_states.h"
#include "ids/pseudonym.h"

namespace palate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHiddenPrefix = "forget/";
constexpr std::string_view kGonePrefix = "forgotten/";
// Whoever writes to the quarantine is done with a file of this age (serve/refused_events.h).
constexpr auto kSettledAge = std::chrono::seconds(3);
constexpr auto kLookAgain = std::chrono::milliseconds(100);

uint64_t end_of(const AsOf& ends, Stream stream) {
  for (const Position& end : ends) {
    if (end.stream == stream && end.partition == 0) return end.offset;
  }
  return 0;
}

Result<Json> parse_fact(const std::string& key, const std::string& value) {
  Json json = Json::parse(value, nullptr, false);
  if (json.is_object()) return json;
  return fail(Code::kCorrupt, "the fact '{}' is no JSON object", key);
}

template <class T>
Result<T> field_of(const Json& json, const std::string& fact, const char* name) {
  try {
    return json.at(name).get<T>();
  } catch (const Json::exception&) {
    return fail(Code::kCorrupt, "the fact '{}' has no '{}'", fact, name);
  }
}

// Until nobody can be writing to the file any more.
Status wait_until_settled(const Path& path, const std::stop_token& stop) {
  std::error_code error;
  for (;;) {
    TRY(check_stop(stop));
    const auto written = std::filesystem::last_write_time(path, error);
    if (error) return {};  // gone
    if (std::filesystem::file_time_type::clock::now() - written > kSettledAge) return {};
    std::this_thread::sleep_for(kLookAgain);
  }
}

Database::Fact fact_of(const UserId& user, std::optional<Json> json) {
  Database::Fact fact{std::string(kHiddenPrefix) + hex_of(user), std::nullopt};
  if (json) fact.value = json->dump();
  return fact;
}

}  // namespace

// ---- facts ----------------------------------------------------------------------------------

Status Forgetting::refresh() {
  const std::lock_guard lock(changing_);
  HiddenUsers hidden;
  for (const auto& [key, value] : TRY(parts_.database->meta(kHiddenPrefix))) {
    const auto user = user_from_hex(std::string_view(key).substr(kHiddenPrefix.size()));
    if (!user) return fail(Code::kCorrupt, "the fact '{}' names no pseudonym", key);
    const Json json = TRY(parse_fact(key, value));
    hidden[*user] = {.asked = TRY(field_of<std::string>(json, key, "asked")),
                     .events = TRY(field_of<uint64_t>(json, key, "events")),
                     .users = TRY(field_of<uint64_t>(json, key, "users")),
                     .decisions = json.value("decisions", uint64_t{0}),
                     .dropped = TRY(field_of<bool>(json, key, "dropped"))};
  }
  hide(std::move(hidden));
  return {};
}

Result<std::unique_ptr<Forgetting>> Forgetting::open(Parts parts) {
  auto forgetting = std::unique_ptr<Forgetting>(new Forgetting(std::move(parts)));
  TRY(forgetting->refresh());
  return forgetting;
}

VisibleFrom Forgetting::visible_from(Snapshot hidden) const {
  return [hidden = std::move(hidden), hash = parts_.hash](Stream stream,
                                                          std::string_view user) -> uint64_t {
    const auto at = hidden->find(hash->user(user));
    if (at == hidden->end()) return 0;
    if (stream == Stream::kDecisions) return at->second.decisions;
    return stream == Stream::kEvents ? at->second.events : at->second.users;
  };
}

void Forgetting::hide(HiddenUsers hidden) {
  auto snapshot = std::make_shared<const HiddenUsers>(std::move(hidden));
  parts_.log->hide(snapshot->empty() ? nullptr
                                     : std::make_shared<const VisibleFrom>(visible_from(snapshot)));
  const std::lock_guard lock(mutex_);
  hidden_ = std::move(snapshot);
}

Forgetting::Snapshot Forgetting::hidden() const {
  const std::lock_guard lock(mutex_);
  return hidden_;
}

Forgetting::Pending Forgetting::pending() const {
  const Snapshot now_hidden = hidden();
  Pending pending{.users = now_hidden->size(), .with_state = 0, .asked = now()};
  for (const auto& [user, one] : *now_hidden) {
    if (!one.dropped) ++pending.with_state;
    if (const auto asked = parse_rfc3339(one.asked))
      pending.asked = std::min(pending.asked, *asked);
  }
  return pending;
}

bool Forgetting::is_forgotten(std::string_view user, TimeUs when) const {
  const Snapshot all = hidden();
  if (all->empty()) return false;
  const auto found = all->find(parts_.hash->user(user));
  if (found == all->end()) return false;
  const auto asked = parse_rfc3339(found->second.asked);
  return asked && when <= *asked;
}

Result<std::vector<ForgetRecord>> Forgetting::records() const {
  std::vector<ForgetRecord> records;
  for (const auto& [user, one] : *hidden()) {
    ForgetRecord& record = records.emplace_back();
    record.digest = digest_of(user);
    record.asked = one.asked;
  }
  for (const auto& [key, value] : TRY(parts_.database->meta(kGonePrefix))) {
    const Json json = TRY(parse_fact(key, value));
    records.push_back({.digest = key.substr(kGonePrefix.size()),
                       .asked = TRY(field_of<std::string>(json, key, "asked")),
                       .gone = TRY(field_of<std::string>(json, key, "gone")),
                       .events = TRY(field_of<uint64_t>(json, key, "events")),
                       .records = TRY(field_of<uint64_t>(json, key, "records")),
                       .quarantined = TRY(field_of<uint64_t>(json, key, "quarantined"))});
  }
  std::ranges::sort(records, {}, &ForgetRecord::digest);
  return records;
}

// ---- at once --------------------------------------------------------------------------------

// Of everybody who has one still. What came after an earlier attempt goes, too: everything up to
// now is folded into the state that goes.
Status Forgetting::drop(HiddenUsers hidden, LiveState& state) {
  const AsOf ends = TRY(parts_.log->ends());
  std::vector<UserId> users;
  std::vector<Database::Fact> asked, dropped;
  const auto fact = [](const UserId& user, const Hidden& one) {
    return fact_of(user, Json{{"asked", one.asked},
                              {"events", one.events},
                              {"users", one.users},
                              {"decisions", one.decisions},
                              {"dropped", one.dropped}});
  };
  for (auto& [user, one] : hidden) {
    if (one.dropped) continue;
    one.events = end_of(ends, Stream::kEvents);
    one.users = end_of(ends, Stream::kUsers);
    one.decisions = end_of(ends, Stream::kDecisions);
    users.push_back(user);
    asked.push_back(fact(user, one));
  }
  if (users.empty()) return {};
  TRY(parts_.database->put_meta(asked));
  hide(hidden);
  for (const UserId& user : users) {
    const Hidden& one = hidden[user];
    const AsOf before{{Stream::kEvents, 0, one.events}, {Stream::kUsers, 0, one.users}};
    if (parts_.elsewhere) TRY(parts_.elsewhere(user, before));
  }
  TRY(state.forget(users));
  for (const UserId& user : users) {
    hidden[user].dropped = true;
    dropped.push_back(fact(user, hidden[user]));
  }
  TRY(parts_.database->put_meta(dropped));
  hide(std::move(hidden));
  return {};
}

Status Forgetting::finish_interrupted(LiveState& state) {
  const std::lock_guard lock(changing_);
  return drop(*hidden(), state);
}

Status Forgetting::forget(std::span<const std::string> users, LiveState& state) {
  const std::lock_guard lock(changing_);
  HiddenUsers all = *hidden();
  const std::string asked = format_rfc3339(now());
  for (const std::string& user : users) {
    Hidden& one = all[parts_.hash->user(user)];
    if (one.asked.empty()) one.asked = asked;
    one.dropped = false;
  }
  return drop(std::move(all), state);
}

// ---- soon after -----------------------------------------------------------------------------

Status Forgetting::sweep_quarantine(const Snapshot& hidden, Counts& counts,
                                    const std::stop_token& stop) const {
  const auto is_forgotten = [&](std::string_view text) {
    const UserId user = parts_.hash->user(text);
    if (!hidden->contains(user)) return false;
    ++counts[user].quarantined;
    return true;
  };
  Status first_error;
  for (const QuarantineSummary& file : TRY(list_quarantine(parts_.root / "quarantine"))) {
    TRY(wait_until_settled(file.path, stop));
    const auto erased = erase_quarantined(file.path, is_forgotten);
    if (!erased && first_error) first_error = std::unexpected(erased.error());
  }
  return first_error;
}

// Deleted keys leave the files that had them. Users' keys lie anywhere: many are one range.
Status Forgetting::settle_state(const HiddenUsers& hidden, const std::stop_token& stop) const {
  constexpr size_t kRangesMax = 16;
  std::vector<Database::KeyRange> ranges;
  for (const auto& [user, one] : hidden) {
    const std::string key = parts_.database->tenant().name + '\0' + user_key(user);
    ranges.push_back({key, key});
  }
  std::ranges::sort(ranges, {}, &Database::KeyRange::first);
  if (ranges.size() > kRangesMax) ranges = {{ranges.front().first, ranges.back().last}};
  return parts_.database->settle(Column::kState, ranges, stop);
}

// Whoever has asked once more meanwhile stays hidden.
Status Forgetting::write_down(const HiddenUsers& swept, const Counts& counts) {
  const std::lock_guard lock(changing_);
  HiddenUsers left = *hidden();
  std::vector<Database::Fact> facts;
  const std::string gone = format_rfc3339(now());
  for (const auto& [user, one] : swept) {
    if (left.at(user) != one) continue;
    left.erase(user);
    const auto found = counts.find(user);
    const ForgetRecord record = found == counts.end() ? ForgetRecord() : found->second;
    const Json json{{"asked", one.asked},
                    {"gone", gone},
                    {"events", record.events},
                    {"records", record.records},
                    {"quarantined", record.quarantined}};
    facts.push_back(fact_of(user, std::nullopt));
    facts.push_back({std::string(kGonePrefix) + digest_of(user), json.dump()});
  }
  TRY(parts_.database->put_meta(facts));
  hide(std::move(left));
  return {};
}

Result<Forgetting::Swept> Forgetting::sweep(const std::stop_token& stop) {
  HiddenUsers with_none;  // of the state
  for (const auto& [user, one] : *hidden()) {
    if (one.dropped) with_none.emplace(user, one);
  }
  const auto swept = std::make_shared<const HiddenUsers>(std::move(with_none));
  Swept sum{.users = swept->size()};
  if (swept->empty()) return sum;
  Counts counts;
  for (const auto& [name, rows] : TRY(parts_.log->erase(visible_from(swept), stop)).of) {
    ForgetRecord& record = counts[parts_.hash->user(name)];
    record.events += rows.events;
    record.records += rows.records;
  }
  TRY(sweep_quarantine(swept, counts, stop));
  TRY(settle_state(*swept, stop));
  TRY(write_down(*swept, counts));
  const Database::KeyRange facts{std::string(kHiddenPrefix), std::string(kGonePrefix)};
  TRY(parts_.database->settle(Column::kMeta, {&facts, 1}, stop));
  for (const auto& [user, record] : counts) {
    sum.events += record.events;
    sum.records += record.records;
    sum.quarantined += record.quarantined;
  }
  return sum;
}

}  // namespace palate
