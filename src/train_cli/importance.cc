// How much a model leans on each column, over time: the column's values change rows among each
// other, and what its AUC loses by that is what the column was worth (permutation importance,
// Breiman, "Random forests", Machine Learning 2001, section 10).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include <nlohmann/json.hpp>

#include "dataset/example_batches.h"
#include "math/judgement.h"
#include "train_cli/command.h"
#include "train_cli/scores.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct Flags {
  std::string model, examples;
  size_t slices = 4, repeats = 3, rows = 50'000;
  uint64_t seed = 1;
};

// What is permuted: a column of ids, or one number of a column.
struct Part {
  bool is_ids = false;
  size_t column = 0, place = 0;
  std::string name;
};

std::vector<Part> parts_of(const ExampleSchema& schema) {
  std::vector<Part> parts;
  for (size_t c = 0; c < schema.ids.size(); ++c) {
    if (schema.ids[c].name.starts_with(kAside)) continue;
    parts.push_back({true, c, 0, schema.ids[c].name});
  }
  for (size_t c = 0; c < schema.numbers.size(); ++c) {
    for (size_t place = 0; place < schema.numbers[c].width; ++place) {
      const bool one = schema.numbers[c].width == 1;
      parts.push_back(
          {false, c, place,
           one ? schema.numbers[c].name : fmt::format("{}[{}]", schema.numbers[c].name, place)});
    }
  }
  return parts;
}

// Rows of `examples` in the order of `from`; of `part` those of `other`.
Result<Examples> rows_of(const Examples& examples, std::span<const size_t> from, const Part* part,
                         std::span<const size_t> other) {
  const ExampleSchema& schema = examples.schema();
  ExampleColumns columns;
  for (size_t c = 0; c < schema.ids.size(); ++c) {
    auto& ids = columns.ids.emplace_back();
    if (schema.ids[c].many) ids.start.push_back(0);
    const bool moved = part != nullptr && part->is_ids && part->column == c;
    for (const size_t row : moved ? other : from) {
      const auto values = examples.ids(c, row);
      ids.values.insert(ids.values.end(), values.begin(), values.end());
      if (schema.ids[c].many) ids.start.push_back(ids.values.size());
    }
  }
  for (size_t c = 0; c < schema.numbers.size(); ++c) {
    auto& numbers = columns.numbers.emplace_back();
    const bool moved = part != nullptr && !part->is_ids && part->column == c;
    for (size_t i = 0; i < from.size(); ++i) {
      const auto values = examples.numbers(c, from[i]);
      numbers.insert(numbers.end(), values.begin(), values.end());
      if (!moved) continue;
      numbers[numbers.size() - values.size() + part->place] =
          examples.numbers(c, other[i])[part->place];
    }
  }
  for (size_t label = 0; label < schema.labels.size(); ++label) {
    auto& values = columns.labels.emplace_back();
    for (const size_t row : from) values.push_back(examples.label(label)[row]);
  }
  return Examples::from_columns(schema, std::move(columns));
}

// By label, and by slice of time, the AUC; nullopt where a slice has one kind of outcome alone.
using Aucs = std::vector<std::vector<std::optional<double>>>;

Result<Aucs> aucs_of(const std::string& model, const Examples& examples, size_t slices,
                     std::vector<std::string>& labels) {
  Aucs aucs;
  labels.clear();
  for (const LabelScores& scores : TRY(score_examples(model, examples))) {
    const auto& names = examples.schema().labels;
    const auto found = std::ranges::find(names, scores.label);
    if (found == names.end()) continue;
    const auto known = examples.label(static_cast<size_t>(found - names.begin()));
    auto& by_slice = aucs.emplace_back();
    labels.push_back(scores.label);
    for (size_t s = 0; s < slices; ++s) {
      std::vector<double> values;
      std::vector<uint8_t> happened;
      for (size_t row = s * known.size() / slices; row < (s + 1) * known.size() / slices; ++row) {
        if (!std::isfinite(known[row])) continue;
        values.push_back(scores.scores[row]);
        happened.push_back(known[row] > 0.5F ? 1 : 0);
      }
      by_slice.push_back(auc(values, happened));
    }
  }
  return aucs;
}

struct Worth {
  double mean = 0, deviation = 0;
};

Worth worth_of(const std::vector<double>& losses) {
  const double n = static_cast<double>(losses.size());
  Worth worth;
  for (const double loss : losses) worth.mean += loss / n;
  for (const double loss : losses) {
    worth.deviation += (loss - worth.mean) * (loss - worth.mean) / std::max(1.0, n - 1);
  }
  worth.deviation = std::sqrt(worth.deviation);
  return worth;
}

// It told something once, and by now at most half of it: further apart than chance explains.
bool lost(const Worth& first, const Worth& last) {
  constexpr double kTold = 0.002, kDeviations = 3;
  const double noise = kDeviations * std::hypot(first.deviation, last.deviation);
  return first.mean > kTold && first.mean > kDeviations * first.deviation &&
         last.mean < first.mean / 2 && first.mean - last.mean > noise;
}

class Importance {
 public:
  explicit Importance(const Flags& flags) : flags_(flags) {}

  Status run() {
    const Examples all = TRY(Examples::open(flags_.examples));
    const size_t step = std::max<size_t>(1, all.rows() / flags_.rows);
    for (size_t row = 0; row < all.rows(); row += step) rows_.push_back(row);
    if (rows_.size() < 10 * flags_.slices) {
      return fail(Code::kInvalidArgument, "{} examples are too few for {} slices", rows_.size(),
                  flags_.slices);
    }
    const Examples plain = TRY(rows_of(all, rows_, nullptr, {}));
    before_ = TRY(aucs_of(flags_.model, plain, flags_.slices, labels_));
    Json out = Json::object();
    for (size_t label = 0; label < labels_.size(); ++label) {
      out[labels_[label]] = {{"auc", to_json(before_[label])}, {"columns", Json::array()}};
    }
    for (const Part& part : parts_of(all.schema())) TRY(measure(all, part, out));
    for (auto& [label, one] : out.items()) {
      auto& columns = one["columns"];
      std::stable_sort(columns.begin(), columns.end(), [](const Json& a, const Json& b) {
        return a["worth"].get<double>() > b["worth"].get<double>();
      });
    }
    std::printf("%s\n", out.dump().c_str());
    return {};
  }

 private:
  static Json to_json(const std::vector<std::optional<double>>& by_slice) {
    Json out = Json::array();
    for (const auto& one : by_slice) out.push_back(one ? Json(*one) : Json());
    return out;
  }

  // Within a slice, so that a column that changes over time is not told by when it was.
  std::vector<size_t> permuted(uint64_t repeat) const {
    std::vector<size_t> other(rows_.size());
    for (size_t s = 0; s < flags_.slices; ++s) {
      const size_t begin = s * rows_.size() / flags_.slices;
      const size_t end = (s + 1) * rows_.size() / flags_.slices;
      const Permutation mix(end - begin, flags_.seed + repeat * flags_.slices + s);
      for (size_t i = begin; i < end; ++i) other[i] = rows_[begin + mix(i - begin)];
    }
    return other;
  }

  Status measure(const Examples& all, const Part& part, Json& out) const {
    // Of each label and slice what each repeat lost.
    std::vector<std::vector<std::vector<double>>> losses(
        labels_.size(), std::vector<std::vector<double>>(flags_.slices));
    for (size_t repeat = 0; repeat < flags_.repeats; ++repeat) {
      const Examples mixed = TRY(rows_of(all, rows_, &part, permuted(repeat)));
      std::vector<std::string> labels;
      const Aucs after = TRY(aucs_of(flags_.model, mixed, flags_.slices, labels));
      for (size_t label = 0; label < after.size(); ++label) {
        for (size_t s = 0; s < flags_.slices; ++s) {
          if (!before_[label][s] || !after[label][s]) continue;
          losses[label][s].push_back(*before_[label][s] - *after[label][s]);
        }
      }
    }
    for (size_t label = 0; label < labels_.size(); ++label) {
      std::vector<Worth> by_slice;
      Json worths = Json::array();
      double mean = 0;
      for (const auto& of_slice : losses[label]) {
        if (of_slice.empty()) continue;
        by_slice.push_back(worth_of(of_slice));
        worths.push_back(by_slice.back().mean);
        mean += by_slice.back().mean;
      }
      if (by_slice.empty()) continue;
      mean /= static_cast<double>(by_slice.size());
      out[labels_[label]]["columns"].push_back({{"column", part.name},
                                                {"worth", mean},
                                                {"over_time", worths},
                                                {"lost", lost(by_slice.front(), by_slice.back())}});
    }
    return {};
  }

  const Flags& flags_;
  std::vector<size_t> rows_;
  std::vector<std::string> labels_;
  Aucs before_;
};

}  // namespace

std::function<Status()> declare_importance(CommandFlags& command) {
  auto flags = std::make_shared<Flags>();
  command.add("model", flags->model, "A network or trees that palate-train has written").required();
  command.add("examples", flags->examples, "Examples with labels, in order of time").required();
  command.add("--slices", flags->slices, "Of time that are told apart")
      .between(1, 100)
      .show_default();
  command.add("--repeats", flags->repeats, "Permutations of each column")
      .between(2, 100)
      .show_default();
  command.add("--rows", flags->rows, "So many at most, evenly spread")
      .between(100, 100'000'000)
      .show_default();
  command.add("--seed", flags->seed, "Of permutations").show_default();
  return [flags] { return Importance(*flags).run(); };
}

}  // namespace palate
