#include <algorithm>
#include <cmath>
#include <set>

#include "recommend/draft.h"

namespace palate {
namespace {

// Nothing is known of the tastes of somebody without a profile: he has agreed to nothing.
bool agrees(const UserState& user) { return user.has_profile && user.profile.personalization; }

bool has_tastes(const UserState& user) {
  std::set<ItemIx> liked;
  for (const HistoryEntry& entry : user.history) {
    if (entry.preference > 0) liked.insert(entry.item);
  }
  return liked.size() >= kTastesMin;
}

float cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0, aa = 0, bb = 0;
  for (size_t d = 0; d < a.size(); ++d) {
    product += static_cast<double>(a[d]) * static_cast<double>(b[d]);
    aa += static_cast<double>(a[d]) * static_cast<double>(a[d]);
    bb += static_cast<double>(b[d]) * static_cast<double>(b[d]);
  }
  return aa > 0 && bb > 0 ? static_cast<float>(product / std::sqrt(aa * bb)) : 0;
}

class Comparison {
 public:
  Comparison(const LiveState& state, const Model& model) : state_(state), model_(model) {}

  Status begin_with(const std::string& user) {
    const auto known = TRY(state_.user(user));
    if (!known) {
      return fail(Code::kNotFound, "nothing is known of user '{}'", user);
    }
    if (!agrees(*known)) {
      return fail(Code::kPermission,
                  "user '{}' has no profile that lets his tastes be used (personalization)", user);
    }
    if (!has_tastes(*known)) {
      return fail(Code::kConflict, "user '{}' liked fewer than {} items", user, kTastesMin);
    }
    asker_ = user;
    vector_ = TRY(vector_of(*known));
    return {};
  }
  Status compare(const std::string& name, SimilarUsers& out) {
    const auto user = TRY(state_.user(name));
    if (name == asker_ || !user || !agrees(*user) || !has_tastes(*user)) return {};
    const auto vector = vector_of(*user);
    if (!vector) return {};  // nothing in his history that the model knows
    ++out.compared;
    const float similarity = std::round(100 * cosine(vector_, *vector)) / 100;
    if (similarity > 0) out.users.push_back({name, similarity});
    return {};
  }

 private:
  Result<std::vector<float>> vector_of(const UserState& user) {
    Query query;
    query.user = state_.hash().user(user.name);
    query.history = std::span(user.history).last(std::min(user.history.size(), kHistoryWindow));
    query.profile = &user.profile;
    query.now = now();
    return model_.user_vector(query, scratch_);
  }

  const LiveState& state_;
  const Model& model_;
  std::string asker_;
  std::vector<float> vector_;
  Scratch scratch_;
};

}  // namespace

Result<SimilarUsers> Recommender::similar_users(const SimilarUsersRequest& asked) const {
  if (asked.n < 1 || asked.n > kSimilarUsersMax) {
    return fail(Code::kInvalidArgument, "n is {}; 1 to {}", asked.n, kSimilarUsersMax);
  }
  if (loaded_->personal == nullptr) {
    return fail(Code::kUnavailable, "no model of release {} knows users; train als",
                loaded_->release.number);
  }
  const Model& model = *loaded_->personal->model;
  SimilarUsers out{.source = model.info().kind, .version = model.info().version, .users = {}};
  Comparison comparison(*loaded_->state, model);
  TRY(comparison.begin_with(asked.user));
  for (const std::string& name : asked.among) TRY(comparison.compare(name, out));
  std::ranges::sort(out.users, [](const auto& a, const auto& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.name < b.name;
  });
  out.users.resize(std::min(out.users.size(), asked.n));
  return out;
}

}  // namespace palate
