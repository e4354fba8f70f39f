#include "learn/checkpoint.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/version.h"

namespace palate {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPrefix = "epoch-";

Result<std::vector<Path>> checkpoints(const Path& directory) {
  std::vector<Path> found;
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return found;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.starts_with(kPrefix) &&
                      name.find_first_not_of("0123456789", kPrefix.size()) == std::string::npos;
    if (ours) found.push_back(entry.path());
  }
  if (error) return fail(Code::kIo, "{} cannot be read: {}", directory.string(), error.message());
  std::ranges::sort(found);
  return found;
}

}  // namespace

Result<std::optional<Path>> newest_checkpoint(const Path& directory) {
  const auto found = TRY(checkpoints(directory));
  return found.empty() ? std::nullopt : std::optional(found.back());
}

Status save_checkpoint(const FitOptions& options, const Trainer& trainer,
                       const Trainer::Snapshot* best, const std::vector<EpochReport>& epochs) {
  const auto before = TRY(checkpoints(options.checkpoint));
  ArtefactWriter out = TRY(
      ArtefactWriter::create(options.checkpoint / fmt::format("{}{:06}", kPrefix, epochs.size())));
  trainer.save(out, best);
  Json reports = Json::array();
  for (const EpochReport& epoch : epochs) {
    Json held_out = Json::array();
    for (const OutputQuality& quality : epoch.held_out) {
      held_out.push_back(
          {{"loss", quality.loss}, {"auc", quality.auc ? Json(*quality.auc) : Json()}});
    }
    reports.push_back({{"training_loss", epoch.training_loss},
                       {"held_out", held_out},
                       {"seconds", epoch.seconds},
                       {"rows_per_s", epoch.rows_per_s}});
  }
  out.manifest.code_version = version();
  out.manifest.details_json = Json{{"epochs", reports}, {"of_what", options.of_what}}.dump();
  TRY(out.commit());
  for (const Path& old : before) {
    std::error_code ignored;  // one too many does no harm: the newest counts
    std::filesystem::remove_all(old, ignored);
  }
  return {};
}

Status check_of_what(const Artefact& checkpoint, const FitOptions& options) {
  const Json json =
      Json::parse(checkpoint.manifest().details_json, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.value("of_what", Json()) == options.of_what) return {};
  return fail(Code::kInvalidArgument,
              "{} is a checkpoint of other settings or examples: remove it, or name another place",
              checkpoint.path().string());
}

Result<std::vector<EpochReport>> reports_of(const Artefact& checkpoint) {
  const auto wrong = fail(Code::kCorrupt, "{}: details do not tell the epochs before it",
                          checkpoint.path().string());
  const Json json =
      Json::parse(checkpoint.manifest().details_json, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("epochs") || !json["epochs"].is_array()) return wrong;
  std::vector<EpochReport> reports;
  for (const Json& epoch : json["epochs"]) {
    EpochReport report{.epoch = static_cast<int>(reports.size()), .held_out = {}};
    const auto number = [&](const char* key, double& to) {
      if (epoch.is_object() && epoch.contains(key) && epoch[key].is_number()) to = epoch[key];
    };
    number("training_loss", report.training_loss);
    number("seconds", report.seconds);
    number("rows_per_s", report.rows_per_s);
    if (!epoch.is_object() || !epoch.contains("held_out") || !epoch["held_out"].is_array())
      return wrong;
    for (const Json& quality : epoch["held_out"]) {
      if (!quality.is_object() || !quality.contains("loss") || !quality["loss"].is_number())
        return wrong;
      const bool has_auc = quality.contains("auc") && quality["auc"].is_number();
      report.held_out.push_back(
          {.auc = has_auc ? std::optional<double>(quality["auc"]) : std::nullopt,
           .loss = quality["loss"]});
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace palate
