#include "simulate/world.h"

#include <algorithm>
#include <cmath>

#include "math/philox.h"
#include "simulate/words.h"

namespace palate {
namespace {

// Streams of random numbers: what is drawn for users never shifts what is drawn for items.
enum StreamBase : uint64_t {
  kItemStream = 1ULL << 40,
  kUserStream = 2ULL << 40,
  kSessionStream = 3ULL << 40
};

struct Region {
  std::string_view code, language;
};
constexpr Region kRegions[] = {{"US", "en"}, {"GB", "en"}, {"IN", "en"}, {"DE", "de"},
                               {"AT", "de"}, {"CH", "de"}, {"ES", "es"}, {"MX", "es"}};
constexpr std::string_view kLanguages[] = {"en", "de", "es"};
constexpr std::string_view kAgeBands[] = {"18-24", "25-34", "35-49", "50-64", "65+"};
constexpr std::string_view kDevices[] = {"phone", "tablet", "tv", "web"};
constexpr double kFavouriteShares[] = {0.5, 0.25, 0.15};  // the rest is spread over all categories

uint32_t language_index(std::string_view language) {
  return static_cast<uint32_t>(std::ranges::find(kLanguages, language) - std::begin(kLanguages));
}

std::string creator_name(uint32_t creator) {
  const auto first = first_names();
  const auto last = last_names();
  return fmt::format("{} {}", first[creator % first.size()],
                     last[creator / first.size() % last.size()]);
}

uint32_t creators_count() {
  return static_cast<uint32_t>(first_names().size() * last_names().size());
}

// Favourite categories with falling weights over a small base of curiosity.
std::vector<float> draw_taste(Philox& random, size_t categories) {
  double favourite_sum = 0;
  for (const double share : kFavouriteShares) favourite_sum += share;
  std::vector<float> taste(
      categories, static_cast<float>((1 - favourite_sum) / static_cast<double>(categories)));
  for (const double share : kFavouriteShares) {
    taste[random.below(static_cast<uint32_t>(categories))] += static_cast<float>(share);
  }
  return taste;
}

}  // namespace

void SimulateConfig::fields(FieldVisitor<SimulateConfig>& field) {
  field("seed", &SimulateConfig::seed, {.min = 0}, "One seed gives one world.");
  field("users", &SimulateConfig::users, {.min = 1, .max = 1e8}, "People in the world.");
  field("items", &SimulateConfig::items, {.min = 10, .max = 1e7}, "Titles in the catalogue.");
  field("days", &SimulateConfig::days, {.min = 1, .max = 3650, .unit = "days"},
        "How long the world runs.");
  field("sessions_per_user", &SimulateConfig::sessions_per_user, {.min = 0.01, .max = 1000},
        "Visits a user makes, on average.");
  field("slots", &SimulateConfig::slots, {.min = 1, .max = 100}, "Items shown in one visit.");
  field("position_bias", &SimulateConfig::position_bias, {.min = 0, .max = 5},
        "Slot s is looked at with probability (s + 1)^-position_bias.");
  field("drift_share", &SimulateConfig::drift_share, {.min = 0, .max = 1},
        "Users whose taste changes half way.");
  field("launch_share", &SimulateConfig::launch_share, {.min = 0, .max = 1},
        "Items released while the world runs.");
  field("bot_share", &SimulateConfig::bot_share, {.min = 0, .max = 1},
        "Accounts that push one creator.");
  field("start", &SimulateConfig::start, {}, "The first moment, RFC 3339.");
}

Result<World> World::make(const SimulateConfig& config) {
  World world;
  world.config_ = config;
  world.start_ = TRY(parse_rfc3339(config.start));
  world.make_items();
  world.make_users();
  return world;
}

void World::make_items() {
  const auto categories = category_words();
  const auto tails = title_tails();
  by_category_.resize(categories.size());
  for (size_t i = 0; i < static_cast<size_t>(config_.items); ++i) {
    Philox random(config_.seed, kItemStream + i);
    const size_t category = i % categories.size();
    const size_t title = i / categories.size();
    const Phrase& head = categories[category].heads[title % 10];
    const Phrase& tail = tails[title / 10 % tails.size()];
    const size_t part = title / (10 * tails.size()) + 1;
    const std::string suffix = part > 1 ? fmt::format(", {}", part) : "";
    Nature nature;
    nature.category = static_cast<uint32_t>(category);
    nature.creator = random.below(creators_count());
    nature.quality = static_cast<float>(random.normal());
    nature.popularity = static_cast<float>(std::exp(1.2 * random.normal()));
    if (random.uniform() < config_.launch_share) {
      nature.released_day = random.uniform() * static_cast<double>(config_.days);
    }
    ItemRecord item;
    item.id = fmt::format("i{:05}", i + 1);
    item.titles = {{"en", fmt::format("{} {}{}", head.en, tail.en, suffix)},
                   {"de", fmt::format("{} {}{}", head.de, tail.de, suffix)},
                   {"es", fmt::format("{} {}{}", head.es, tail.es, suffix)}};
    item.categories = {std::string(categories[category].name)};
    item.creator = creator_name(nature.creator);
    item.languages = {std::string(kLanguages[random.below(3)])};
    item.regions = {std::string(kRegions[random.below(std::size(kRegions))].code)};
    item.released = {start_.us +
                     static_cast<int64_t>(nature.released_day * static_cast<double>(kDayUs))};
    by_category_[category].push_back(static_cast<uint32_t>(i));
    items_.push_back(std::move(item));
    nature_.push_back(nature);
  }
  for (auto& members : by_category_) {  // popularity becomes cumulative within a category
    float sum = 0;
    for (const uint32_t item : members) nature_[item].popularity = sum += nature_[item].popularity;
  }
}

void World::make_users() {
  const size_t categories = by_category_.size();
  for (size_t u = 0; u < static_cast<size_t>(config_.users); ++u) {
    Philox random(config_.seed, kUserStream + u);
    const Region& region = kRegions[random.below(std::size(kRegions))];
    Taste taste;
    taste.category = draw_taste(random, categories);
    if (random.uniform() < config_.drift_share)
      taste.category_later = draw_taste(random, categories);
    taste.creator = random.below(creators_count());
    taste.language = language_index(region.language);
    taste.bot = random.uniform() < config_.bot_share;
    UserRecord user;
    user.id = fmt::format("u{:05}", u + 1);
    user.region = region.code;
    user.language = region.language;
    user.age_band = kAgeBands[random.below(std::size(kAgeBands))];
    users_.push_back(std::move(user));
    taste_.push_back(std::move(taste));
  }
}

double World::affinity(size_t user, size_t item, double day) const {
  const Taste& taste = taste_[user];
  const Nature& nature = nature_[item];
  const bool later = !taste.category_later.empty() && day > static_cast<double>(config_.days) / 2;
  const double liking = (later ? taste.category_later : taste.category)[nature.category];
  double logit = -2.6 + 6.0 * liking + 0.5 * nature.quality;
  if (taste.creator == nature.creator) logit += 1.5;
  if (items_[item].languages.front() != kLanguages[taste.language]) logit -= 0.4;
  return 1 / (1 + std::exp(-logit));
}

size_t World::draw_item(size_t user, double day, double uniform_a, double uniform_b) const {
  const Taste& taste = taste_[user];
  const bool later = !taste.category_later.empty() && day > static_cast<double>(config_.days) / 2;
  const auto& weights = later ? taste.category_later : taste.category;
  // The shop's own ranking: half taste, half chance, popular items first.
  size_t category = weights.size() - 1;
  double left = uniform_a;
  for (size_t c = 0; c < weights.size(); ++c) {
    left -= 0.5 * weights[c] + 0.5 / static_cast<double>(weights.size());
    if (left >= 0) continue;
    category = c;
    break;
  }
  const auto& members = by_category_[category];
  const float wanted = static_cast<float>(uniform_b) * nature_[members.back()].popularity;
  const auto found = std::ranges::lower_bound(members, wanted, {},
                                              [&](uint32_t i) { return nature_[i].popularity; });
  return found == members.end() ? members.back() : *found;
}

std::vector<World::Session> World::sessions() const {
  std::vector<Session> out;
  for (size_t u = 0; u < users_.size(); ++u) {
    Philox random(config_.seed, kUserStream + (1ULL << 32) + u);
    const double activity =
        config_.sessions_per_user * (taste_[u].bot ? 6 : std::exp(0.8 * random.normal() - 0.32));
    const auto count = static_cast<uint32_t>(activity + random.uniform());
    for (uint32_t n = 0; n < count; ++n) {
      const double day = random.uniform() * static_cast<double>(config_.days);
      out.push_back(
          {static_cast<uint32_t>(u), n, {start_.us + static_cast<int64_t>(day * double(kDayUs))}});
    }
  }
  std::ranges::sort(out, {},
                    [](const Session& s) { return std::tuple(s.start.us, s.user, s.number); });
  return out;
}

std::vector<World::Happening> World::play(const Session& session) const {
  const size_t user = session.user;
  Philox random(config_.seed, kSessionStream + (uint64_t{session.user} << 20) + session.number);
  const double day = static_cast<double>(session.start.us - start_.us) / double(kDayUs);
  const std::string request = fmt::format("s{}-{}", users_[user].id, session.number + 1);
  const std::string context =
      fmt::format(R"({{"country":"{}","device":"{}","session":"{}"}})", users_[user].region,
                  kDevices[random.below(std::size(kDevices))], request);
  std::vector<Happening> out;
  TimeUs clock = session.start;
  for (int32_t slot = 0; slot < config_.slots; ++slot) {
    const double a = random.uniform();
    const double b = random.uniform();
    const size_t item = draw_item(user, day, a, b);
    const double look = random.uniform();
    const double liking = random.uniform();
    const double depth = random.uniform();
    if (nature_[item].released_day > day) continue;
    const auto happen = [&](std::string_view type, double value) {
      out.push_back({type, users_[user].id, items_[item].id, request, context, clock, value, slot});
    };
    happen("impression", kNoValue);
    clock.us += 1 + static_cast<int64_t>(depth * 3 * double(kSecondUs));
    const double affinity_now = affinity(user, item, day);
    const bool pushed = taste_[user].bot && nature_[item].creator % 4 == taste_[user].creator % 4;
    const bool examined = look < std::pow(slot + 1.0, -config_.position_bias);
    if (!pushed && (!examined || liking >= affinity_now)) continue;
    happen("click", kNoValue);
    const double watched_s = pushed ? 1 : std::round(60 + 5400 * depth * affinity_now);
    clock.us += static_cast<int64_t>(watched_s) * kSecondUs;
    happen("watch", watched_s);
    if (depth * affinity_now > 0.35) happen("like", kNoValue);
  }
  return out;
}

}  // namespace palate
