#include "simulate/emit.h"

#include <array>
#include <iterator>

#include "simulate/truth/catalogue.h"
#include "simulate/truth/truth.h"

namespace palate {
namespace {

constexpr std::string_view kDevices[] = {"phone", "tablet", "tv", "web"};
constexpr std::string_view kTypes[] = {"impression", "click",  "watch", "like",
                                       "dislike",    "rating", "survey"};

// The strings of a row; those of a page are made once for all of its rows.
class Strings {
 public:
  explicit Strings(const World& world) : world_(world) {}

  void of(const Happening& happening) {
    if (first_ || happening.user != last_.user || happening.visit != last_.visit ||
        happening.page != last_.page || happening.device != last_.device ||
        happening.randomized != last_.randomized) {
      make(happening);
      fresh = true;
    } else {
      fresh = false;
    }
    item.clear();
    append_id('i', happening.item, item);
    last_ = happening;
    first_ = false;
  }

  std::string user, item, request, context;
  bool fresh = true;  // user, request and context are not those of the row before

 private:
  static void append_id(char prefix, uint32_t index, std::string& out) {
    fmt::format_to(std::back_inserter(out), "{}{:05}", prefix, uint64_t{index} + 1);
  }
  void make(const Happening& happening) {
    user.clear();
    append_id('u', happening.user, user);
    request.clear();
    if (happening.page != kNoPage) {
      fmt::format_to(std::back_inserter(request), "r{}-{}-{}", user, happening.visit + 1,
                     happening.page + 1);
    }
    context.clear();
    fmt::format_to(std::back_inserter(context),
                   R"({{"country":"{}","device":"{}",{}"session":"s{}-{}"}})",
                   world_.region(happening.user), kDevices[happening.device],
                   happening.randomized ? R"("randomized":true,)" : "", user, happening.visit + 1);
  }
  const World& world_;
  Happening last_;
  bool first_ = true;
};

}  // namespace

std::string user_name(uint32_t user) { return numbered_id('u', user); }
std::string item_name(uint32_t item) { return numbered_id('i', item); }

Result<EventBatch> to_events(const World& world, std::span<const Happening> happenings,
                             const EventTypes& types) {
  std::array<EventTypeId, std::size(kTypes)> ids;
  for (size_t t = 0; t < ids.size(); ++t) {
    const auto id = types.find(kTypes[t]);
    if (!id) return fail(Code::kInvalidArgument, "the event type '{}' is not declared", kTypes[t]);
    ids[t] = *id;
  }
  EventBatch batch;
  batch.rows.reserve(happenings.size());
  Strings strings(world);
  EventView row;
  for (const Happening& happening : happenings) {
    strings.of(happening);
    if (strings.fresh) {
      row.user = batch.arena.copy(strings.user);
      row.request_id = batch.arena.copy(strings.request);
      row.context = batch.arena.copy(strings.context);
    }
    row.type = ids[static_cast<size_t>(happening.type)];
    row.item = batch.arena.copy(strings.item);
    row.ts = row.received = {world.start().us + happening.us};
    row.value = static_cast<double>(happening.value);
    row.slot = happening.slot;
    batch.rows.push_back(row);
  }
  return batch;
}

std::string to_json_lines(const World& world, std::span<const Happening> happenings) {
  std::string out;
  Strings strings(world);
  auto to = std::back_inserter(out);
  for (const Happening& happening : happenings) {
    strings.of(happening);
    fmt::format_to(to, R"({{"type":"{}","user":"{}","item":"{}","ts":"{}")",
                   kTypes[static_cast<size_t>(happening.type)], strings.user, strings.item,
                   format_rfc3339({world.start().us + happening.us}));
    if (!std::isnan(happening.value)) fmt::format_to(to, R"(,"value":{})", happening.value);
    if (happening.page != kNoPage) {
      fmt::format_to(to, R"(,"request_id":"{}","slot":{})", strings.request, happening.slot);
    }
    fmt::format_to(to, ",\"context\":{}}}\n", strings.context);
  }
  return out;
}

std::string to_flagged_lines(const World& world) {
  const Truth truth(world);
  const SimulateConfig& config = world.config();
  const auto begin = static_cast<int64_t>(config.attack_from * double(config.days * kDayUs));
  const std::string since = format_rfc3339({world.start().us + begin});
  std::string out;
  for (uint32_t u = 0; u < world.users(); ++u) {
    const Malice malice = truth.malice(u);
    if (malice == Malice::kNone) continue;
    out += user_name(u) + (malice == Malice::kSleeper ? "," + since : "") + '\n';
  }
  return out;
}

}  // namespace palate
