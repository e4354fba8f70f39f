#include "models/train_program.h"

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "base/processes.h"

namespace palate {
namespace {

std::string last_line(const Path& file) {
  std::string text = read_file(file).value_or("");
  while (text.ends_with('\n')) text.pop_back();
  const size_t at = text.rfind('\n');
  return at == std::string::npos ? text : text.substr(at + 1);
}

std::string text_of(const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* yes = std::get_if<bool>(&value)) return *yes ? "true" : "false";
  if (const auto* whole = std::get_if<int64_t>(&value)) return fmt::format("{}", *whole);
  return fmt::format("{}", std::get<double>(value));
}

}  // namespace

Result<Path> find_palate_train(std::string_view who) {
  if (const char* said = std::getenv("PALATE_TRAIN"); said != nullptr && *said != '\0') {
    if (std::filesystem::exists(said)) return Path(said);
    return fail(Code::kUnavailable, "PALATE_TRAIN says {}, where there is nothing", said);
  }
  std::error_code error;
  const Path self = std::filesystem::read_symlink("/proc/self/exe", error);
  Path beside = self.parent_path() / "palate-train";
  if (!error && std::filesystem::exists(beside, error)) return beside;
  return fail(Code::kUnavailable,
              "{} are trained by palate-train, which is not beside this program ({}). Build it "
              "with `./dev deps train && ./dev build`, or say where it is in PALATE_TRAIN; serving "
              "them does not need it",
              who, beside.string());
}

Result<nlohmann::json> run_palate_train(const TrainProgramCall& call, const std::stop_token& stop) {
  Program program;
  program.arguments = {TRY(find_palate_train(call.kind)).string()};
  program.arguments.insert(program.arguments.end(), call.arguments.begin(), call.arguments.end());
  program.out = call.directory / "palate-train.out";
  program.errors = call.directory / "palate-train.err";
  TRY(run_programs({&program, 1}, stop));
  if (program.exit_code != 0) {
    const std::string said = last_line(program.errors);
    return fail(Code::kUnavailable, "training '{}': {}", call.kind,
                said.empty() ? fmt::format("palate-train ended with {}", program.exit_code) : said);
  }
  auto metrics = nlohmann::json::parse(last_line(program.out), nullptr, /*allow_exceptions=*/false);
  return metrics.is_object() ? metrics : nlohmann::json::object();
}

void add_flags(const ConfigSchema& schema, const ConfigSchema& defaults,
               std::vector<std::string>& arguments) {
  for (size_t i = 0; i < schema.fields().size(); ++i) {
    const Field& field = schema.fields()[i];
    const FieldValue value = field.get();
    if (value == defaults.fields()[i].get()) continue;
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      if (list->empty()) arguments.push_back(fmt::format("--{}={{}}", field.name()));
      for (const std::string& one : *list) {
        arguments.push_back(fmt::format("--{}={}", field.name(), one));
      }
      continue;
    }
    arguments.push_back(fmt::format("--{}={}", field.name(), text_of(value)));
  }
}

}  // namespace palate
