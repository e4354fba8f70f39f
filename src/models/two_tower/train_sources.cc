#include <algorithm>
#include <cmath>
#include <map>

#include "base/stop.h"
#include "models/demographic/demographic.h"
#include "models/taste_row.h"
#include "models/two_tower/item_content.h"
#include "models/two_tower/train.h"

namespace palate {
namespace {

// The length of config.vector of those items that have it; 0 where none is asked for.
Result<size_t> vector_width(const Catalogue::View& view, size_t items,
                            const TwoTowerConfig& config) {
  if (config.vector.empty()) return size_t{0};
  size_t width = 0;
  for (uint32_t item = 0; item < std::min(items, view.size()); ++item) {
    const ItemRecord& record = view.record({item});
    const auto at = record.vectors.find(config.vector);
    if (at == record.vectors.end() || at->second.empty()) continue;
    if (width == 0) width = at->second.size();
    if (at->second.size() != width) {
      return fail(Code::kInvalidArgument,
                  "two_tower.vector: '{}' of item '{}' has {} numbers, of others {}", config.vector,
                  record.id, at->second.size(), width);
    }
    if (std::ranges::all_of(at->second, [](float x) { return std::isfinite(x); })) continue;
    return fail(Code::kInvalidArgument, "two_tower.vector: '{}' of item '{}' is not finite",
                config.vector, record.id);
  }
  if (width > 0) return width;
  return fail(Code::kInvalidArgument, "two_tower.vector: no item has an embedding '{}'",
              config.vector);
}

Status add_items(const TrainJob& job, TowerSources& out) {
  const size_t items = job.data->items();
  const TwoTowerConfig& config = job.configs->two_tower;
  std::optional<Catalogue::View> view;
  if (job.catalogue != nullptr) view.emplace(job.catalogue->view());
  TowerExamples& examples = out.examples;
  if (view) {
    examples.vector_width = TRY(vector_width(*view, items, config));
  } else if (!config.vector.empty()) {
    return fail(Code::kInvalidArgument, "two_tower.vector: nothing is known of items");
  }
  const ItemRecord nothing;
  for (uint32_t item = 0; item < items; ++item) {
    const bool there = view && item < view->size();
    const ItemRecord& record = there ? view->record({item}) : nothing;
    const ItemContent content = content_of(record, config);
    examples.terms.add(content.terms);
    for (const auto& text : content.texts) examples.texts.add(text);
    examples.text_start.push_back(examples.texts.size());
    const bool vector = append_vector(record, config, examples.vector_width, examples.vectors);
    if (vector || !content.empty()) ++out.known[item];
  }
  return {};
}

// Traits that at least users_min users have; those of fewer are in no artefact.
void add_profiles(const TrainJob& job, TowerSources& out) {
  std::vector<std::vector<uint64_t>> of_user(job.data->users());
  std::map<uint64_t, int> users;
  for (uint32_t user = 0; job.profile_of && user < of_user.size(); ++user) {
    const auto profile = job.profile_of(job.data->dataset().user_id({user}));
    if (!profile) continue;
    of_user[user] = traits_of(*profile, {});
    for (const uint64_t trait : of_user[user]) ++users[trait];
  }
  for (const auto& [trait, count] : users) {
    if (count >= job.configs->two_tower.users_min) out.traits.push_back(trait);
  }
  for (const auto& traits : of_user) {
    std::vector<uint32_t> rows;
    for (const uint64_t trait : traits) {
      const auto at = std::ranges::lower_bound(out.traits, trait);
      if (at == out.traits.end() || *at != trait) continue;
      rows.push_back(1 + static_cast<uint32_t>(at - out.traits.begin()));
    }
    out.examples.profiles.add(rows);
  }
}

}  // namespace

Result<TowerSources> tower_sources(const TrainJob& job) {
  TowerSources out;
  const std::vector<uint32_t> all(job.data->items(), 1);
  out.known.assign(job.data->items(), 0);
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < job.data->users(); ++user) {
    const auto liked = taste_order(job.data->of({user}, scratch), all);
    for (const uint32_t item : liked) ++out.known[item];
    out.examples.liked.add(liked);
  }
  TRY(check_stop(job.stop));
  add_profiles(job, out);
  TRY(add_items(job, out));
  TRY(check_stop(job.stop));
  return out;
}

}  // namespace palate
