// Trains blend: its parts on a slice, its weights on the rest, its parts again on everything.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/blend/handover.h"
#include "models/train_catalog.h"

namespace palate {

// What the choice of weights looks at: for each user some items, with each part's score (scaled),
// item-major, and which of them are relevant.
struct BlendUser {
  std::vector<uint32_t> items;          // ascending
  std::vector<float> scores;            // items × parts
  std::vector<bool> relevant;           // beside items
  size_t relevant_count = 0;            // with those that are not among the items
  double events = 0;                    // evidence of the user …
  std::vector<float> item_events = {};  // … and of each item, for the hand-over
};
// The mean ndcg@cut of the weighted sums.
double blend_quality(std::span<const BlendUser> users, std::span<const double> weights, size_t cut);
// Convex weights (not negative, sum 1) by coordinate ascent from the best single part.
std::vector<double> choose_weights(std::span<const BlendUser> users, size_t parts, size_t cut);

// The users with their scores as a hand-over lets them count.
std::vector<BlendUser> handed_over(std::span<const BlendUser> users,
                                   std::span<const PartRole> roles, const Handover& handover);
struct BlendChoice {
  std::vector<double> weights;
  Handover handover;
};
// Weights and hand-over together; what `config` gives is kept. Where nobody can be asked all parts
// count the same.
BlendChoice choose_blend(std::span<const BlendUser> users, std::span<const PartRole> roles,
                         const BlendConfig& config, std::vector<double> given);

// Nobody whom the weights are chosen on is without a history, so that a part which answers such
// users by their profile may weigh nothing. It was named to answer them: it gets a weight, and a
// hand-over, that move nobody else's list.
void keep_for_cold_users(size_t part, BlendChoice& choice);

// Ratings that parts were asked for: a row a rating, its parts' predictions beside each other.
struct BlendRatings {
  std::vector<float> predicted;  // ratings × parts
  std::vector<float> rated;
};
double blend_rmse(const BlendRatings& ratings, std::span<const double> weights);
// Convex weights of the lowest RMSE, by coordinate descent in ever smaller steps.
std::vector<double> choose_rating_weights(const BlendRatings& ratings, size_t parts);

// Writes the parts' artefacts into the blend's. Errors: kInvalidArgument (no parts, one named
// twice, a blend of blends, weights that are no numbers, no positive interaction, a setting that
// does not exist), kNotFound for an unknown part, kCancelled.
Status train_blend(const TrainJob& job, ArtefactWriter& out);
// Whether a part does.
bool blend_holds_histories(const ModelConfigs& configs);
uint64_t blend_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
