#include "models/blend/train_parts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "math/philox.h"

namespace palate {
namespace {

Status set_fields(PartSpec& spec, std::string_view settings) {
  ConfigSchema schema;
  spec.configs.add_to(schema);
  while (!settings.empty()) {
    const size_t end = std::min(settings.find(':'), settings.size());
    const std::string_view one = settings.substr(0, end);
    const size_t equals = one.find('=');
    if (equals == std::string_view::npos) {
      return fail(Code::kInvalidArgument, "blend.models: '{}' of '{}' is not key=value", one,
                  spec.said);
    }
    const std::string name = spec.kind + "." + std::string(one.substr(0, equals));
    auto set = schema.apply_flag(name, one.substr(equals + 1));
    if (!set) return std::unexpected(set.error().within("blend.models"));
    settings.remove_prefix(std::min(end + 1, settings.size()));
  }
  return {};
}

}  // namespace

Result<std::vector<PartSpec>> part_specs(const ModelConfigs& configs) {
  const auto& models = configs.blend.models;
  if (models.empty()) return fail(Code::kInvalidArgument, "blend.models names no model");
  std::vector<PartSpec> out;
  for (const std::string& said : models) {
    PartSpec spec{said, said.substr(0, said.find(':')), configs, {}};
    if (spec.kind == "blend") {
      return fail(Code::kInvalidArgument, "blend.models names a blend; name its parts instead");
    }
    if (std::ranges::find(out, said, &PartSpec::said) != out.end()) {
      return fail(Code::kInvalidArgument, "blend.models names '{}' twice", said);
    }
    const auto same = std::ranges::count(out, spec.kind, &PartSpec::kind);
    spec.folder = "part-" + spec.kind + (same > 0 ? fmt::format("-{}", same + 1) : "");
    if (said.size() > spec.kind.size()) {
      TRY(set_fields(spec, std::string_view(said).substr(spec.kind.size() + 1)));
    }
    out.push_back(std::move(spec));
  }
  return out;
}

Result<std::vector<double>> given_weights(const BlendConfig& config) {
  std::vector<double> out;
  for (const std::string& text : config.weights) {
    double weight = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
    const bool number = error == std::errc() && end == text.data() + text.size();
    if (!number || !(weight >= 0) || !std::isfinite(weight)) {
      return fail(Code::kInvalidArgument, "blend.weights: '{}' is no number of at least 0", text);
    }
    out.push_back(weight);
  }
  if (!out.empty() && out.size() != config.models.size()) {
    return fail(Code::kInvalidArgument, "blend.weights has {} numbers for {} models", out.size(),
                config.models.size());
  }
  if (!out.empty() && std::ranges::none_of(out, [](double weight) { return weight > 0; })) {
    return fail(Code::kInvalidArgument, "blend.weights are all 0");
  }
  return out;
}

Result<TrainedParts> train_parts(const TrainJob& job, std::span<const PartSpec> specs,
                                 const std::string& prefix, ArtefactWriter& out) {
  TrainedParts trained;
  for (const PartSpec& spec : specs) {
    const Path path = out.path_of(prefix + spec.folder);
    auto writer = TRY(ArtefactWriter::create(path));
    TrainJob own = job;
    own.configs = &spec.configs;
    own.previous = nullptr;  // that of the blend, which is no part
    TRY(train_model(spec.kind, own, writer));
    TRY(writer.commit());
    trained.artefacts.push_back(TRY(Artefact::open(path)));
    trained.models.push_back(TRY(load_model(trained.artefacts.back())));
  }
  return trained;
}

Slices cut_slices(const DatasetView& view, double share, uint64_t seed) {
  constexpr uint64_t kStream = uint64_t{0xb1e4d} << 40;
  const Dataset& data = view.dataset();
  const auto none = [&] { return std::make_shared<std::vector<bool>>(data.row_start().back()); };
  const auto fit = none(), held_out = none();
  std::vector<HistoryEntry> scratch;
  std::vector<uint64_t> rows;
  for (uint32_t user = 0; user < view.users(); ++user) {
    const auto all = data.of({user});
    rows.clear();
    size_t at = 0;
    for (const HistoryEntry& kept : view.of({user}, scratch)) {
      while (all[at].offset != kept.offset) ++at;
      rows.push_back(data.row_start()[user] + at++);
    }
    const auto count = rows.size();
    const auto wanted = static_cast<size_t>(std::lround(share * static_cast<double>(count)));
    const size_t held = count < 2 ? 0 : std::clamp<size_t>(wanted, 1, count - 1);
    Philox random(seed, kStream | user);
    for (size_t i = 0; i < count; ++i) {  // the first `held` of a shuffle
      std::swap(rows[i], rows[i + random.below(static_cast<uint32_t>(count - i))]);
      (i < held ? *held_out : *fit)[rows[i]] = true;
    }
  }
  return {DatasetView(data, fit), DatasetView(data, held_out)};
}

}  // namespace palate
