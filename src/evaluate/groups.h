// Beyond accuracy: how exposure falls on items and their groups, and how well whom is served.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/threads.h"
#include "dataset/dataset.h"
#include "dataset/split.h"
#include "math/bootstrap.h"

namespace palate {

// Items or users by something that is known of them: creator, category, region, language.
struct Groups {
  static constexpr uint32_t kNone = 0xffffffff;  // nothing is known: in no group
  std::string by = {};                           // "creator"
  std::vector<std::string> names = {};
  std::vector<uint32_t> group_of = {};  // by ItemIx or UserIx; shorter means kNone
  // The group of this name, a new one for a new name; kNone for an empty name.
  uint32_t add(std::string_view name);
  [[nodiscard]] uint32_t of(size_t row) const {
    return row < group_of.size() ? group_of[row] : kNone;
  }
  std::unordered_map<std::string, uint32_t> place = {};  // of each name
};

// How the exposure that a model gives to groups of items differs from their share of training.
struct ExposureGap {
  struct Group {
    std::string name;
    double exposed = 0, had = 0;  // shares
  };
  std::string by;
  size_t k = 0;
  double gap = 0;             // half the sum of |exposed - had| over all groups
  std::vector<Group> widest;  // at most kWidest, the largest difference first
  static constexpr size_t kWidest = 10;
};

// The metrics of one part of the users, or of the relevant items.
struct Breakdown {
  std::string by, group;
  uint64_t count = 0;  // users, or relevant items
  size_t k = 0;
  double recall = 0, ndcg = 0;  // ndcg only of users
};

struct ExposureInput {
  std::span<const uint32_t> lists;  // users × k, shorter ones end in kNoItem
  size_t k = 0;
  std::span<const size_t> ks;
  const Dataset* data = nullptr;
  const Split* split = nullptr;
};

// How many users had each item in training.
std::vector<uint32_t> users_by_item(const DatasetView& train);

// An item at rank i is exposed by 1 / log2(1 + i) (Singh and Joachims, "Fairness of exposure in
// rankings", KDD 2018, section 3.2). gini_at: of exposures over the catalogue, for one k.
std::vector<double> exposures(const ExposureInput& input, size_t k);
ExposureGap exposure_gap(const ExposureInput& input, size_t k, const Groups& items);

// Intra-list diversity: the mean over pairs of a list of 1 - |U_i ∩ U_j| / sqrt(|U_i| |U_j|), U the
// users who had the item in training (Ziegler et al. 2005 with the distance of Castells et al.
// 2015), for each of the ks; of at most kDiversityItems of a list, for at most kDiversityUsers,
// evenly chosen.
inline constexpr size_t kDiversityUsers = 300, kDiversityItems = 20;
std::vector<Interval> diversity(const ExposureInput& input, ThreadPool& pool,
                                const BootstrapOptions& options);

}  // namespace palate
