#include "models/train_checkpoints.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>

#include "base/hash.h"

namespace palate {
namespace {

constexpr std::string_view kMagic = "palate-checkpoint 2\n";
constexpr std::string_view kEnding = ".checkpoint";

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What is between the magic and the checksum; empty where the file is not whole.
std::string_view state_in(std::string_view file) {
  constexpr size_t kHashDigits = 32;
  if (file.size() < kMagic.size() + kHashDigits || !file.starts_with(kMagic)) return {};
  const std::string_view body = file.substr(0, file.size() - kHashDigits);
  if (to_hex(hash128(body)) != file.substr(body.size())) return {};
  return body.substr(kMagic.size());
}

}  // namespace

FitCheckpoints::FitCheckpoints(const CheckpointOptions& options)
    : folder_(options.folder),
      prefix_(fmt::format("{}-{}-", options.kind, to_hex(hash128(options.of_what)).substr(0, 16))),
      cost_(options.cost),
      last_s_(now_s()) {}

std::vector<std::pair<int, Path>> FitCheckpoints::found() const {
  std::vector<std::pair<int, Path>> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    int epoch = 0;
    if (!name.starts_with(prefix_)) continue;
    const auto [end, bad] =
        std::from_chars(name.data() + prefix_.size(), name.data() + name.size(), epoch);
    if (bad == std::errc() && std::string_view(end) == kEnding) {
      out.emplace_back(epoch, entry.path());
    }
  }
  std::ranges::sort(out, std::greater<>());
  return out;
}

Result<bool> FitCheckpoints::resume(const std::function<bool(std::string_view)>& take) const {
  if (folder_.empty()) return false;
  for (const auto& [epoch, path] : found()) {
    const MappedFile file = TRY(MappedFile::open(path));
    const std::string_view state = state_in(file.text());
    if (!state.empty() && take(state)) return true;
  }
  return false;
}

Status FitCheckpoints::keep(int epoch, const std::function<std::string()>& state) {
  constexpr size_t kKept = 2;
  if (folder_.empty()) return {};
  const double begin = now_s();
  if (begin - last_s_ < write_s_ / cost_) return {};
  TRY(make_directories(folder_));
  std::string bytes(kMagic);
  bytes += state();
  bytes += to_hex(hash128(bytes));
  const std::string name = fmt::format("{}{}{}", prefix_, epoch, kEnding);
  TRY(write_file_atomically(folder_ / name, bytes));
  const auto all = found();
  for (size_t i = kKept; i < all.size(); ++i) TRY(remove_file(all[i].second));
  last_s_ = now_s();
  write_s_ = last_s_ - begin;
  return {};
}

Status FitCheckpoints::remove_all() const {
  if (folder_.empty()) return {};
  for (const auto& [epoch, path] : found()) TRY(remove_file(path));
  return {};
}

}  // namespace palate
