#include "cli/split_flags.h"

#include <filesystem>

#include "events/presets.h"

namespace palate {
namespace {

Result<std::optional<SplitKind>> split_kind(const std::string& name) {
  if (name == "auto") return std::nullopt;
  if (name == "time") return SplitKind::kTimeCut;
  if (name == "leave-last-out") return SplitKind::kLeaveLastOut;
  if (name == "hold-out") return SplitKind::kHoldOut;
  return fail(Code::kInvalidArgument,
              "--split is one of auto, time, leave-last-out, hold-out, not '{}'", name);
}

// The test file as import would read it: a preset's mapping, and what [import] says over it.
Result<std::optional<TestFile>> test_file(const SplitFlags& flags, const MappingConfig& config) {
  if (flags.test.empty()) return std::nullopt;
  std::error_code ignored;
  if (std::filesystem::is_directory(flags.test, ignored)) {
    return fail(Code::kInvalidArgument, "--test {} is a folder; name the file of test rows",
                flags.test);
  }
  const auto sources = TRY(find_sources(flags.test_preset, flags.test));
  if (sources.size() != 1 || sources[0].kind != RecordKind::kEvents) {
    return fail(Code::kInvalidArgument, "--test {} is not a file of events", flags.test);
  }
  TestFile file{.path = sources[0].path, .mapping = TRY(apply_mapping(config, sources[0].mapping))};
  if (flags.test_overlap == "drop") file.in_training = InTraining::kDrop;
  if (flags.test_overlap == "hold-out") file.in_training = InTraining::kHoldOut;
  return file;
}

}  // namespace

void SplitFlags::declare(CommandFlags& command) {
  command
      .add("--split", split,
           "What is test: auto (what the data's times allow), time (the newest rows), "
           "leave-last-out or hold-out (a random share)")
      .show_default();
  Flag file = command.add("--test", test,
                          "A file of events that are test, as published splits have one; "
                          "training is what was imported");
  command
      .add("--test-preset", test_preset,
           "How the file is read, as for palate import; --import.map and the like count too")
      .needs(file)
      .show_default();
  command
      .add("--test-overlap", test_overlap,
           "What becomes of test rows whose user and item were imported, too: refuse, drop "
           "(from the test), hold-out (from training)")
      .one_of({"refuse", "drop", "hold-out"})
      .needs(file)
      .show_default();
  command.add("--test-share", test_share, "Share of all rows that is test, above 0 and below 1")
      .show_default();
}

Status SplitFlags::apply(const MappingConfig& import, BacktestOptions& options) const {
  options.split = TRY(split_kind(split));
  options.test_file = TRY(test_file(*this, import));
  options.test_share = test_share;
  return {};
}

std::vector<std::string> SplitFlags::arguments() const {
  std::vector<std::string> out{"--split", split, "--test-share", fmt::to_string(test_share)};
  if (!test.empty()) {
    out.insert(out.end(),
               {"--test", test, "--test-preset", test_preset, "--test-overlap", test_overlap});
  }
  return out;
}

}  // namespace palate
