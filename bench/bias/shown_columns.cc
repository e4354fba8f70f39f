#include "bias/shown_columns.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "math/philox.h"
#include "simulate/words.h"

namespace palate::bench {
namespace {

constexpr uint64_t kHeldOut = 8001, kJudged = 8002;  // streams

uint32_t categories() { return static_cast<uint32_t>(category_words().size()); }

}  // namespace

ShownColumns::ShownColumns(const World& world, const Seen& seen)
    : world_(world), truth_(world), seen_(seen) {
  const auto add = [&](const char* name, size_t known) {
    schema_.ids.push_back({.name = name, .vocabulary = static_cast<uint32_t>(known + 1)});
  };
  add("item", world.items());
  add("category", categories());
  add("creator", creators_count());
  add("language", std::size(kLanguages));
  if (seen.user) {
    add("user", world.users());
    add("region", std::size(kRegions));
    add("taste", size_t{world.users()} * categories());  // the user and the category
  }
  if (seen.position) add("position", kShownPositionsMax);
  schema_.numbers.push_back({.name = "age_days"});
  columns_.ids.resize(schema_.ids.size());
  columns_.numbers.resize(1);
}

void ShownColumns::label(const std::string& name) {
  schema_.labels.push_back(name);
  columns_.labels.emplace_back();
}

void ShownColumns::id(const std::string& name) {
  schema_.ids.push_back({.name = name, .vocabulary = UINT32_MAX});
  columns_.ids.emplace_back();
}

void ShownColumns::add(uint32_t user, uint32_t item, double day, size_t position) {
  const ItemNature& nature = truth_.item(item);
  std::vector<uint32_t> ids{item, nature.category, nature.creator, nature.language};
  if (seen_.user) {
    ids.push_back(user);
    ids.push_back(truth_.user(user).region);
    ids.push_back(user * categories() + nature.category);
  }
  if (seen_.position) ids.push_back(static_cast<uint32_t>(position));
  for (size_t i = 0; i < ids.size(); ++i) columns_.ids[i].values.push_back(ids[i] + 1);
  const double age = std::max(0.0, day - static_cast<double>(nature.released_day));
  columns_.numbers[0].push_back(static_cast<float>(std::log1p(age)));
}

Status ShownColumns::save(const Path& path) && {
  return TRY(Examples::from_columns(std::move(schema_), std::move(columns_))).save(path);
}

bool held_out(const World& world, const LoggedRow& row) {
  Philox random(world.config().seed + kHeldOut, uint64_t{row.user} << 32 | row.visit);
  return random.uniform() < 0.1;
}

std::vector<DrawnRow> drawn_pages(const World& world, const std::vector<LoggedRow>& log,
                                  double from_day) {
  const Truth truth(world);
  std::map<std::pair<uint32_t, uint32_t>, double> visits;
  for (const LoggedRow& row : log) {
    if (row.day >= from_day) visits.try_emplace({row.user, row.visit}, row.day);
  }
  std::vector<DrawnRow> rows;
  for (const auto& [visit, day] : visits) {
    Philox random(world.config().seed + kJudged, uint64_t{visit.first} << 32 | visit.second);
    for (size_t i = 0; i < kPageRows;) {
      const uint32_t item = random.below(static_cast<uint32_t>(world.items()));
      if (static_cast<double>(truth.item(item).released_day) > day) continue;
      rows.push_back({visit.first, item, day});
      ++i;
    }
  }
  return rows;
}

}  // namespace palate::bench
