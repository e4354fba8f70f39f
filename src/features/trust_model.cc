#include "features/trust_model.h"

#include <charconv>
#include <cmath>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "features/feature_config.h"

namespace palate {
namespace {

constexpr std::string_view kHead = "palate trust model 1";
constexpr std::string_view kHandMade = "hand-made";

Result<std::string_view> next_line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return fail(Code::kCorrupt, "a line is missing or not ended");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// "name number number"
Status read_weights(std::string_view line, std::string_view name, std::array<double*, 2> to) {
  const auto wrong = [&] {
    return fail(Code::kCorrupt, "'{}' must be '{}' and two numbers", line, name);
  };
  if (!line.starts_with(name)) return wrong();
  line.remove_prefix(name.size());
  for (double* number : to) {
    if (line.empty() || line.front() != ' ') return wrong();
    const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), *number);
    if (error != std::errc() || !std::isfinite(*number)) return wrong();
    line.remove_prefix(static_cast<size_t>(end - line.data()));
  }
  if (!line.empty()) return wrong();
  return {};
}

}  // namespace

std::string TrustModel::text() const {
  std::string out = fmt::format("{}\nbias {} {}\n", kHead, with_slates.bias, without_slates.bias);
  for (size_t i = 0; i < kTrustInputNames.size(); ++i) {
    out += fmt::format("{} {} {}\n", kTrustInputNames[i], with_slates.of[i], without_slates.of[i]);
  }
  return out;
}

uint64_t TrustModel::fingerprint() const {
  return hash64(hand_made ? std::string(kHandMade) : text());
}

double malice_of(const TrustModel::Weights& weights, const TrustInputs& inputs) {
  double sum = weights.bias;
  for (size_t i = 0; i < inputs.size(); ++i) sum += weights.of[i] * inputs[i];
  return 1 / (1 + std::exp(-sum));
}

Result<TrustModel> parse_trust_model(std::string_view text) {
  const std::string_view head = TRY(next_line(text));
  if (head != kHead) {
    return fail(Code::kUnsupportedVersion, "it begins with '{}', not with '{}'", head.substr(0, 40),
                kHead);
  }
  TrustModel model;
  TRY(read_weights(TRY(next_line(text)), "bias",
                   {&model.with_slates.bias, &model.without_slates.bias}));
  for (size_t i = 0; i < kTrustInputNames.size(); ++i) {
    TRY(read_weights(TRY(next_line(text)), kTrustInputNames[i],
                     {&model.with_slates.of[i], &model.without_slates.of[i]}));
  }
  if (!text.empty()) return fail(Code::kCorrupt, "there is more than the model knows");
  return model;
}

Status load_trust_model(FeatureConfig& config) {
  config.loaded_model = nullptr;
  if (config.trust_model.empty()) return {};
  if (config.trust_model == kHandMade) {
    config.loaded_model = std::make_shared<TrustModel>(TrustModel{.hand_made = true});
    return {};
  }
  const auto model = parse_trust_model(TRY(read_file(config.trust_model)));
  if (!model) {
    return std::unexpected(model.error().within("features.trust_model " + config.trust_model));
  }
  config.loaded_model = std::make_shared<TrustModel>(*model);
  return {};
}

}  // namespace palate
