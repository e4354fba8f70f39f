// The state of a fit in a file, and back.
#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>

#include "base/hash.h"
#include "models/mf/train_fit.h"

namespace palate {
namespace {

constexpr std::string_view kMagic = "palate-mf-checkpoint 1\n";

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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
  std::string bytes(kMagic);
  const Head head{static_cast<uint64_t>(state.epoch),
                  state.samples.count,
                  state.samples.dim,
                  state.noise_precision,
                  state.user_ridge,
                  state.item_ridge};
  bytes.append(reinterpret_cast<const char*>(&head), sizeof head);
  fields(state, [&](const auto& list) {
    const uint64_t count = list.size();
    bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
    bytes.append(reinterpret_cast<const char*>(list.data()), count * sizeof list[0]);
  });
  return bytes + to_hex(hash128(bytes));
}

// False when it is not whole; nothing of it is then to be used.
bool read_state(std::string_view bytes, MfState& state) {
  constexpr size_t kHashDigits = 32;
  if (bytes.size() < kMagic.size() + sizeof(Head) + kHashDigits) return false;
  const std::string_view body = bytes.substr(0, bytes.size() - kHashDigits);
  if (!body.starts_with(kMagic) || to_hex(hash128(body)) != bytes.substr(body.size())) return false;
  Head head;
  std::memcpy(&head, body.data() + kMagic.size(), sizeof head);
  size_t at = kMagic.size() + sizeof head;
  bool whole = true;
  fields(state, [&](auto& list) {
    uint64_t count = 0;
    if (!whole || body.size() - at < sizeof count) return void(whole = false);
    std::memcpy(&count, body.data() + at, sizeof count);
    at += sizeof count;
    if ((body.size() - at) / sizeof list[0] < count) return void(whole = false);
    list.resize(count);
    if (count > 0) std::memcpy(list.data(), body.data() + at, count * sizeof list[0]);
    at += count * sizeof list[0];
  });
  state.epoch = static_cast<int>(head.epoch);
  state.samples.count = head.sample_count;
  state.samples.dim = head.sample_dim;
  state.noise_precision = head.noise_precision;
  state.user_ridge = head.user_ridge;
  state.item_ridge = head.item_ridge;
  return whole && at == body.size();
}

}  // namespace

MfCheckpoints::MfCheckpoints(const MfFitOptions& options, const MfData& data)
    : folder_(options.config.checkpoints), cost_(options.config.checkpoint_cost), last_s_(now_s()) {
  const MfConfig& c = options.config;
  const std::string what =
      fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", options.fingerprint, options.seed,
                  c.solver, c.factors, c.iterations, c.samples, c.profile, c.regularization,
                  c.regularization_exponent, c.learning_rate, c.learning_rate_decay, c.time_bins,
                  c.time_shrinkage, c.validation_share, data.by_user.size());
  prefix_ = fmt::format("mf-{}-", to_hex(hash128(what)).substr(0, 16));
}

std::string MfCheckpoints::name_of(int epoch) const {
  return fmt::format("{}{}.checkpoint", prefix_, epoch);
}

std::vector<std::pair<int, Path>> MfCheckpoints::found() const {
  std::vector<std::pair<int, Path>> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    int epoch = 0;
    if (!name.starts_with(prefix_)) continue;
    const auto [end, bad] =
        std::from_chars(name.data() + prefix_.size(), name.data() + name.size(), epoch);
    if (bad == std::errc() && std::string_view(end) == ".checkpoint") {
      out.emplace_back(epoch, entry.path());
    }
  }
  std::ranges::sort(out, std::greater<>());
  return out;
}

Result<MfState> MfCheckpoints::resume(MfState fresh) const {
  if (folder_.empty()) return fresh;
  for (const auto& [epoch, path] : found()) {
    const MappedFile file = TRY(MappedFile::open(path));
    MfState state;
    if (read_state(file.text(), state) && state.users.size() == fresh.users.size() &&
        state.items.size() == fresh.items.size()) {
      return state;
    }
  }
  return fresh;
}

Status MfCheckpoints::keep(const MfState& state) {
  constexpr size_t kKept = 2;
  if (folder_.empty()) return {};
  const double begin = now_s();
  if (begin - last_s_ < write_s_ / cost_) return {};
  TRY(make_directories(folder_));
  TRY(write_file_atomically(folder_ / name_of(state.epoch), write_state(state)));
  const auto all = found();
  for (size_t i = kKept; i < all.size(); ++i) TRY(remove_file(all[i].second));
  last_s_ = now_s();
  write_s_ = last_s_ - begin;
  return {};
}

Status MfCheckpoints::remove_all() const {
  if (folder_.empty()) return {};
  for (const auto& [epoch, path] : found()) TRY(remove_file(path));
  return {};
}

}  // namespace palate
