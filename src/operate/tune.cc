#include "operate/tune.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/near_names.h"
#include "math/philox.h"

namespace palate {
namespace {

using Settings = std::map<std::string, std::string>;

std::vector<std::string> split_text(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<double> number(std::string_view text, std::string_view said) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && std::isfinite(value))
    return value;
  return fail(Code::kInvalidArgument, "--range {}: '{}' is no number", said, text);
}

TuneRange range_of(const Field& field) {
  TuneRange range{field.name(), field.range.min, field.range.max, field.range.tune_log, false, {}};
  if (std::holds_alternative<std::string>(field.default_value)) range.choices = field.range.one_of;
  if (std::holds_alternative<bool>(field.default_value)) range.choices = {"false", "true"};
  range.whole = std::holds_alternative<int64_t>(field.default_value);
  return range;
}

// "low:high", or choices with commas between.
Status narrow(TuneRange& range, std::string_view text, std::string_view said) {
  if (!range.choices.empty()) {
    const auto wanted = split_text(text, ',');
    for (const std::string& choice : wanted) {
      if (std::ranges::find(range.choices, choice) == range.choices.end()) {
        return fail(Code::kInvalidArgument, "--range {}: '{}' is not one of {}", said, choice,
                    fmt::join(range.choices, ", "));
      }
    }
    range.choices = wanted;
    return {};
  }
  const auto ends = split_text(text, ':');
  if (ends.size() != 2) {
    return fail(Code::kInvalidArgument, "--range {} is not <setting>=<low>:<high>", said);
  }
  const double low = TRY(number(ends[0], said)), high = TRY(number(ends[1], said));
  if (low > high || low < range.low || high > range.high) {
    return fail(Code::kInvalidArgument, "--range {} must lie within {} to {}", said, range.low,
                range.high);
  }
  range.low = low;
  range.high = high;
  return {};
}

Status add_named(const std::vector<Field>& fields, const std::string& said,
                 std::vector<TuneRange>& space) {
  const std::string name = said.substr(0, said.find('='));
  const auto field = std::ranges::find_if(fields, [&](const Field& f) { return f.name() == name; });
  if (field == fields.end() || name.size() == said.size()) {
    std::vector<std::string> known;
    for (const Field& f : fields) known.push_back(f.name());
    return fail(Code::kInvalidArgument, "--range {}: there is no such setting{}", said,
                did_you_mean(name, known));
  }
  TuneRange range = range_of(*field);
  TRY(narrow(range, std::string_view(said).substr(name.size() + 1), said));
  const auto at = std::ranges::find(space, name, &TuneRange::name);
  if (at == space.end()) {
    space.push_back(std::move(range));
  } else {
    *at = std::move(range);
  }
  return {};
}

// Beginning and end of what is drawn from.
Status finish(TuneRange& range) {
  constexpr double kLogBegin = 1e-8;
  if (range.choices.empty() && range.log && range.low <= 0) range.low = range.high * kLogBegin;
  if (range.choices.empty() && (range.low <= -1e299 || range.high >= 1e299)) {
    return fail(Code::kInvalidArgument, "{} has no range; say one: --range {}=<low>:<high>",
                range.name, range.name);
  }
  return {};
}

}  // namespace

Result<std::vector<TuneRange>> tune_space(const std::vector<Field>& fields,
                                          const std::string& section,
                                          const std::vector<std::string>& narrowed) {
  std::vector<TuneRange> space;
  for (const Field& field : fields) {
    if (field.section == section && field.range.tune) space.push_back(range_of(field));
  }
  for (const std::string& said : narrowed) TRY(add_named(fields, said, space));
  for (TuneRange& range : space) TRY(finish(range));
  if (space.empty()) {
    return fail(Code::kInvalidArgument,
                "[{}] has no setting that is marked for tuning; name some: --range "
                "<setting>=<low>:<high>",
                section);
  }
  return space;
}

Settings draw_settings(const std::vector<TuneRange>& space, uint64_t seed, size_t trial) {
  Settings settings;
  for (size_t i = 0; i < space.size(); ++i) {
    const TuneRange& range = space[i];
    const double u = Philox(seed, uint64_t{trial} << 16 | i).uniform();
    if (!range.choices.empty()) {
      const auto place = static_cast<size_t>(u * static_cast<double>(range.choices.size()));
      settings[range.name] = range.choices[std::min(place, range.choices.size() - 1)];
      continue;
    }
    const double value = range.log ? range.low * std::pow(range.high / range.low, u)
                                   : range.low + u * (range.high - range.low);
    settings[range.name] =
        range.whole ? fmt::format("{}", std::llround(value)) : fmt::format("{:.4g}", value);
  }
  return settings;
}

namespace {

Path result_path(const TuneOptions& options, const TuneTrial& trial) {
  return options.folder / fmt::format("trial-{:05}-{}.json", trial.number, trial.rung);
}

Status check_study(const TuneOptions& options) {
  const Path path = options.folder / "study.txt";
  TRY(make_directories(options.folder));
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return write_file_atomically(path, options.subject);
  const std::string before = TRY(read_file(path));
  if (before == options.subject) return {};
  return fail(
      Code::kConflict,
      "{} is a study of something else:\n  {}\nnot of\n  {}\nUse another name (--study), or "
      "remove it",
      options.folder.string(), before, options.subject);
}

// False where there is none, or not a whole one of these settings.
bool read_result(const TuneOptions& options, TuneTrial& trial) {
  const auto text = read_file(result_path(options, trial));
  if (!text) return false;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || json.value("settings", Settings()) != trial.settings) return false;
  const auto value = json.find("value");
  if (value == json.end()) return false;
  trial.value = value->is_number() ? value->get<double>() : std::nan("");
  trial.failure = json.value("failure", "");
  return true;
}

nlohmann::json json_of(const TuneTrial& trial) {
  nlohmann::json json{{"trial", trial.number},
                      {"rung", trial.rung},
                      {"effort", trial.effort},
                      {"settings", trial.settings},
                      {"value", nullptr}};
  if (!std::isnan(trial.value)) json["value"] = trial.value;
  if (!trial.failure.empty()) json["failure"] = trial.failure;
  return json;
}

// Runs what the folder does not know, a batch at a time, and keeps each result at once.
Status run_rung(const TuneOptions& options, const TrialRunner& run, TuneOutcome& outcome,
                std::vector<TuneTrial>& trials) {
  std::vector<size_t> missing;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (read_result(options, trials[i])) {
      ++outcome.known;
    } else {
      missing.push_back(i);
    }
  }
  const size_t together = std::max<size_t>(1, options.parallel);
  for (size_t first = 0; first < missing.size(); first += together) {
    std::vector<TuneTrial> batch;
    for (size_t i = first; i < std::min(missing.size(), first + together); ++i) {
      batch.push_back(trials[missing[i]]);
    }
    TRY(run(batch));
    for (size_t i = 0; i < batch.size(); ++i) {
      TRY(write_file_atomically(result_path(options, batch[i]), json_of(batch[i]).dump(1)));
      trials[missing[first + i]] = std::move(batch[i]);
      ++outcome.run;
    }
  }
  return {};
}

void sort_best_first(const TuneOptions& options, std::vector<TuneTrial>& trials) {
  const auto worth = [&](const TuneTrial& trial) {
    if (std::isnan(trial.value)) return std::numeric_limits<double>::infinity();
    return options.smaller_is_better ? trial.value : -trial.value;
  };
  std::ranges::stable_sort(trials, {}, worth);
}

}  // namespace

Result<TuneOutcome> tune(const std::vector<TuneRange>& space, const TuneOptions& options,
                         const TrialRunner& run) {
  if (options.trials == 0 || options.halving == 0 || options.rungs == 0) {
    return fail(Code::kInvalidArgument, "a study has at least one trial and one rung");
  }
  TRY(check_study(options));
  std::vector<TuneTrial> alive;
  for (size_t i = 0; i < options.trials; ++i) {
    alive.push_back({i, 0, draw_settings(space, options.seed, i), 1, std::nan(""), ""});
  }
  TuneOutcome outcome;
  std::vector<TuneTrial> left;  // behind those that went further
  for (size_t rung = 0; rung < options.rungs; ++rung) {
    const auto behind = static_cast<double>(options.rungs - 1 - rung);
    for (TuneTrial& trial : alive) {
      trial.rung = rung;
      trial.effort = std::pow(static_cast<double>(options.halving), -behind);
    }
    TRY(run_rung(options, run, outcome, alive));
    sort_best_first(options, alive);
    if (std::isnan(alive.front().value)) {
      return fail(Code::kInvalidArgument, "every trial failed; the first said: {}",
                  alive.front().failure);
    }
    if (rung + 1 == options.rungs) break;
    const size_t kept = std::max<size_t>(1, alive.size() / options.halving);
    left.insert(left.begin(), alive.begin() + static_cast<ptrdiff_t>(kept), alive.end());
    alive.resize(kept);
  }
  outcome.trials = std::move(alive);
  outcome.trials.insert(outcome.trials.end(), left.begin(), left.end());
  return outcome;
}

std::string to_json(const TuneOutcome& outcome) {
  nlohmann::json json{
      {"format", "palate-study"}, {"version", 1}, {"run", outcome.run}, {"known", outcome.known}};
  json["trials"] = nlohmann::json::array();
  for (const TuneTrial& trial : outcome.trials) json["trials"].push_back(json_of(trial));
  return json.dump(2);
}

std::string to_markdown(const TuneOutcome& outcome) {
  std::string text = "# Study\n\n| trial | rung | value | settings |\n|---:|---:|---:|---|\n";
  for (const TuneTrial& trial : outcome.trials) {
    std::string settings;
    for (const auto& [name, value] : trial.settings) {
      settings += fmt::format("{}{} {}", settings.empty() ? "" : ", ", name, value);
    }
    text += fmt::format("| {} | {} | {} | {} |\n", trial.number, trial.rung,
                        std::isnan(trial.value) ? "failed" : fmt::format("{:.5f}", trial.value),
                        settings);
  }
  return text;
}

std::string to_toml(const Settings& settings, const std::vector<TuneRange>& space) {
  std::string text, section;
  for (const auto& [name, value] : settings) {
    const size_t dot = name.find('.');
    if (name.substr(0, dot) != section) {
      section = name.substr(0, dot);
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    }
    const auto range = std::ranges::find(space, name, &TuneRange::name);
    const bool quoted =
        range != space.end() && !range->choices.empty() && value != "true" && value != "false";
    const std::string_view quote = quoted ? "\"" : "";
    text += fmt::format("{} = {}{}{}\n", name.substr(dot + 1), quote, value, quote);
  }
  return text;
}

}  // namespace palate
