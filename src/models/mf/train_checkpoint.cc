// The state of a fit as bytes, and back.
#include <cstring>

#include "models/mf/train_fit.h"

namespace palate {
namespace {

// Walks the fields of a state in their order; `Visit` writes or reads each.
template <class State, class Visit>
void fields(State& state, const Visit& visit) {
  visit(state.users);
  visit(state.items);
  visit(state.user_weights);
  visit(state.item_weights);
  visit(state.validation_sum);
  visit(state.samples.items);
  visit(state.samples.precision);
  visit(state.samples.mean);
  visit(state.samples.weights);
  visit(state.samples.noise_precision);
  visit(state.curve.objective);
  visit(state.curve.train_rmse);
  visit(state.curve.validation_rmse);
}

struct Head {
  uint64_t epoch = 0, sample_count = 0, sample_dim = 0;
  double noise_precision = 1, user_ridge = 1, item_ridge = 1;
};

std::string write_state(const MfState& state) {
  const Head head{static_cast<uint64_t>(state.epoch),
                  state.samples.count,
                  state.samples.dim,
                  state.noise_precision,
                  state.user_ridge,
                  state.item_ridge};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  fields(state, [&](const auto& list) { put_list(bytes, list.data(), list.size()); });
  return bytes;
}

// False when it is not whole; nothing of it is then to be used.
bool read_state(std::string_view bytes, MfState& state) {
  Head head;
  if (bytes.size() < sizeof head) return false;
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes.remove_prefix(sizeof head);
  bool whole = true;
  fields(state, [&](auto& list) { whole = whole && take_list(bytes, list); });
  state.epoch = static_cast<int>(head.epoch);
  state.samples.count = head.sample_count;
  state.samples.dim = head.sample_dim;
  state.noise_precision = head.noise_precision;
  state.user_ridge = head.user_ridge;
  state.item_ridge = head.item_ridge;
  return whole && bytes.empty();
}

}  // namespace

FitCheckpoints mf_checkpoints(const MfFitOptions& options, const MfData& data) {
  const MfConfig& c = options.config;
  if (c.checkpoints.empty()) return FitCheckpoints({});
  const MfMatrix& m = data.by_user;
  return FitCheckpoints(
      {.folder = c.checkpoints,
       .cost = c.checkpoint_cost,
       .kind = "mf",
       .of_what =
           fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {}",
                       name_of_numbers(m.start, m.index, m.value, m.ts), options.seed, c.solver,
                       c.factors, c.iterations, c.samples, c.profile, c.regularization,
                       c.regularization_exponent, c.learning_rate, c.learning_rate_decay,
                       c.time_bins, c.time_shrinkage, c.validation_share, data.by_user.size())});
}

Result<MfState> mf_resume(const FitCheckpoints& checkpoints, MfState fresh) {
  MfState found;
  const bool taken = TRY(checkpoints.resume([&](std::string_view bytes) {
    found = {};
    return read_state(bytes, found) && found.users.size() == fresh.users.size() &&
           found.items.size() == fresh.items.size();
  }));
  return taken ? std::move(found) : std::move(fresh);
}

Status mf_keep(FitCheckpoints& checkpoints, const MfState& state) {
  return checkpoints.keep(state.epoch, [&] { return write_state(state); });
}

}  // namespace palate
