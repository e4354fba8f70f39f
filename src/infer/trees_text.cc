#include "infer/trees_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

namespace palate {
namespace {

constexpr size_t kKeysMax = 64;  // of the head or a tree; what is not known is not read

struct Value {
  std::string_view text;
  size_t line = 0;
};
using Values = std::map<std::string_view, Value>;

template <class T>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  // The next line that is not empty, without what ends it; nullopt behind the last.
  std::optional<std::string_view> peek() {
    while (!ahead_ && !rest_.empty()) {
      const size_t end = std::min(rest_.find('\n'), rest_.size());
      std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty()) ahead_ = line;
    }
    return ahead_;
  }
  void take() { ahead_.reset(); }
  [[nodiscard]] size_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::optional<std::string_view> ahead_;
  size_t number_ = 0;
};

// Lines `key=value` up to one that starts a tree or ends them.
Result<Values> read_values(Lines& lines) {
  Values values;
  while (const auto line = lines.peek()) {
    if (line->starts_with("Tree=") || *line == "end of trees") break;
    const size_t split = line->find('=');
    const std::string_view key = line->substr(0, split);
    const Value value{split == line->npos ? "" : line->substr(split + 1), lines.number()};
    if (values.size() >= kKeysMax || !values.emplace(key, value).second) {
      return fail(Code::kCorrupt, "trees: line {}: a key too many, or one that was there before",
                  lines.number());
    }
    lines.take();
  }
  return values;
}

Result<Value> need(const Values& values, std::string_view key, size_t line) {
  const auto at = values.find(key);
  if (at != values.end()) return at->second;
  return fail(Code::kCorrupt, "trees: before line {}: there is no '{}'", line, key);
}

template <class T>
Result<T> need_number(const Values& values, std::string_view key, size_t line) {
  const Value value = TRY(need(values, key, line));
  if (const auto number = number_of<T>(value.text)) return *number;
  return fail(Code::kCorrupt, "trees: line {}: '{}' is not a number that it may be", value.line,
              key);
}

// Exactly `count` numbers with a space between.
template <class T>
Result<std::vector<T>> need_numbers(const Values& values, std::string_view key, size_t count,
                                    size_t line) {
  const Value value = TRY(need(values, key, line));
  std::vector<T> numbers;
  numbers.reserve(std::min(count, value.text.size() / 2 + 1));
  for (std::string_view rest = value.text; !rest.empty();) {
    const size_t end = std::min(rest.find(' '), rest.size());
    if (end > 0) {
      const auto number = number_of<T>(rest.substr(0, end));
      if (!number || numbers.size() == count) {
        return fail(Code::kCorrupt, "trees: line {}: number {} of '{}' is none, or one too many",
                    value.line, numbers.size(), key);
      }
      numbers.push_back(*number);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (numbers.size() == count) return numbers;
  return fail(Code::kCorrupt, "trees: line {}: '{}' has {} numbers, not {}", value.line, key,
              numbers.size(), count);
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

constexpr std::array<std::string_view, 7> kRegressions{
    "regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank"};

// LightGBM 4, src/objective: ToString() and ConvertOutput() of each.
Status read_objective(const Value& value, TreesText& out) {
  const std::vector<std::string> words = words_of(value.text);
  if (words.empty() || words[0] == "custom") return {};
  out.objective = words[0];
  const bool root = std::ranges::count(words, "sqrt") != 0;
  if (out.objective == "binary") {
    out.link = TreesLink::kSigmoid;
    for (const std::string& word : words) {
      if (!word.starts_with("sigmoid:")) continue;
      const auto number = number_of<double>(std::string_view(word).substr(8));
      if (!number || !(*number > 0) || !std::isfinite(*number)) {
        return fail(Code::kCorrupt, "trees: line {}: a sigmoid of '{}'", value.line, word);
      }
      out.sigmoid = *number;
    }
  } else if (out.objective == "cross_entropy") {
    out.link = TreesLink::kSigmoid;
  } else if (out.objective == "cross_entropy_lambda") {
    out.link = TreesLink::kSoftplus;
  } else if (out.objective == "poisson" || out.objective == "gamma" || out.objective == "tweedie") {
    out.link = TreesLink::kExp;
  } else if (out.objective == "rank_xendcg" || std::ranges::count(kRegressions, words[0]) != 0) {
    out.link = root ? TreesLink::kSignedSquare : TreesLink::kIdentity;
  } else {
    return fail(Code::kInvalidArgument, "trees: line {}: the objective '{}' is not scored here",
                value.line, out.objective);
  }
  return {};
}

Status read_head(Lines& lines, TreesText& out, size_t& trees) {
  if (lines.peek() != "tree") return fail(Code::kCorrupt, "trees: line 1 does not say 'tree'");
  lines.take();
  const Values values = TRY(read_values(lines));
  const size_t line = lines.number();
  const Value version = TRY(need(values, "version", line));
  if (version.text != "v3" && version.text != "v4") {
    return fail(Code::kUnsupportedVersion, "trees: line {}: version '{}', not v3 or v4",
                version.line, version.text);
  }
  for (const char* key : {"num_class", "num_tree_per_iteration"}) {
    if (TRY(need_number<uint32_t>(values, key, line)) != 1) {
      return fail(Code::kInvalidArgument, "trees: '{}' is not 1: several classes are not scored",
                  key);
    }
  }
  const auto last = TRY(need_number<uint32_t>(values, "max_feature_idx", line));
  const Value names = TRY(need(values, "feature_names", line));
  out.features = words_of(names.text);
  if (last >= kTreeFeaturesMax || out.features.size() != size_t{last} + 1) {
    return fail(Code::kCorrupt, "trees: line {}: {} names of features, not {} (at most {})",
                names.line, out.features.size(), size_t{last} + 1, kTreeFeaturesMax);
  }
  out.average = values.contains("average_output");
  if (const auto at = values.find("objective"); at != values.end()) {
    TRY(read_objective(at->second, out));
  }
  trees = words_of(TRY(need(values, "tree_sizes", line)).text).size();
  if (trees == 0) return fail(Code::kCorrupt, "trees: before line {}: there is no tree", line);
  if (trees <= kTreesMax) return {};
  return fail(Code::kInvalidArgument, "trees: {} trees, at most {}", trees, kTreesMax);
}

// One tree's lines, checked against the features that there are.
class TreeReader {
 public:
  TreeReader(const Values& values, size_t line, size_t features)
      : values_(values), line_(line), features_(features) {}

  Result<TreeText> read() {
    const auto leaves = TRY(need_number<uint32_t>(values_, "num_leaves", line_));
    if (leaves < 1) return fail(Code::kCorrupt, "trees: before line {}: no leaf", line_);
    if (leaves > kTreeLeavesMax) {
      return fail(Code::kInvalidArgument, "trees: before line {}: {} leaves, at most {}", line_,
                  leaves, kTreeLeavesMax);
    }
    if (const auto at = values_.find("is_linear"); at != values_.end() && at->second.text != "0") {
      return fail(Code::kInvalidArgument, "trees: line {}: linear leaves are not scored here",
                  at->second.line);
    }
    tree_.leaves = TRY(numbers<double>("leaf_value", leaves));
    if (!std::ranges::all_of(tree_.leaves, [](double leaf) { return std::isfinite(leaf); })) {
      return wrong("leaf_value", "is not finite");
    }
    if (leaves > 1) TRY(read_nodes(leaves - 1));
    return std::move(tree_);
  }

 private:
  template <class T>
  Result<std::vector<T>> numbers(std::string_view key, size_t count) {
    return need_numbers<T>(values_, key, count, line_);
  }
  [[nodiscard]] std::unexpected<Error> wrong(std::string_view key, std::string_view what) const {
    return fail(Code::kCorrupt, "trees: line {}: '{}' {}", values_.at(key).line, key, what);
  }

  Status read_nodes(size_t count) {
    const auto feature = TRY(numbers<uint32_t>("split_feature", count));
    const auto threshold = TRY(numbers<double>("threshold", count));
    const auto decision = TRY(numbers<uint8_t>("decision_type", count));
    const auto left = TRY(numbers<int32_t>("left_child", count));
    const auto right = TRY(numbers<int32_t>("right_child", count));
    TRY(read_categories());
    for (size_t i = 0; i < count; ++i) {
      SplitNode node{.feature = feature[i],
                     .categorical = (decision[i] & 1) != 0,
                     .default_left = (decision[i] & 2) != 0,
                     .missing = static_cast<MissingType>(decision[i] >> 2),
                     .threshold = threshold[i],
                     .left = left[i],
                     .right = right[i]};
      if (node.feature >= features_) return wrong("split_feature", "names no feature");
      if (decision[i] > 11) return wrong("decision_type", "has a bit that is not known");
      if (std::isnan(node.threshold)) return wrong("threshold", "is not a number");
      if (node.categorical) TRY(set_categories(node));
      tree_.nodes.push_back(node);
    }
    return check_children();
  }

  Status read_categories() {
    const auto count = TRY(need_number<uint32_t>(values_, "num_cat", line_));
    if (count == 0) return {};
    if (count > kTreeLeavesMax) return wrong("num_cat", "is more than there are nodes");
    starts_ = TRY(numbers<uint32_t>("cat_boundaries", size_t{count} + 1));
    if (starts_[0] != 0 || !std::ranges::is_sorted(starts_)) {
      return wrong("cat_boundaries", "does not ascend from 0");
    }
    tree_.categories = TRY(numbers<uint32_t>("cat_threshold", starts_.back()));
    return {};
  }

  Status set_categories(SplitNode& node) {
    const double place = node.threshold;
    if (!(place >= 0 && place + 1 < static_cast<double>(starts_.size())) ||
        place != std::floor(place)) {
      return wrong("threshold", "names categories that are not there");
    }
    const auto at = static_cast<size_t>(place);
    node.first_word = starts_[at];
    node.words = starts_[at + 1] - starts_[at];
    return {};
  }

  // Every node but the first and every leaf is one node's child, and behind it: so they are a tree.
  Status check_children() {
    const auto nodes = static_cast<int32_t>(tree_.nodes.size());
    std::vector<bool> met(2 * tree_.nodes.size() + 1);  // nodes, then leaves
    for (int32_t i = 0; i < nodes; ++i) {
      for (const int32_t child : {tree_.nodes[i].left, tree_.nodes[i].right}) {
        const bool leaf = child < 0;
        if (leaf ? ~child > nodes : child <= i || child >= nodes) {
          return wrong("left_child", "or 'right_child' names no node behind its own");
        }
        auto seen = met[leaf ? static_cast<size_t>(nodes + ~child) : static_cast<size_t>(child)];
        if (seen) return wrong("left_child", "or 'right_child' names a child twice");
        seen = true;
      }
    }
    return {};
  }

  const Values& values_;
  size_t line_, features_;
  TreeText tree_;
  std::vector<uint32_t> starts_;
};

}  // namespace

Result<TreesText> parse_trees(std::string_view text) {
  Lines lines(text);
  TreesText out;
  size_t trees = 0;
  TRY(read_head(lines, out, trees));
  for (size_t i = 0; i < trees; ++i) {
    const auto first = lines.peek();
    if (!first || !first->starts_with("Tree=") || number_of<size_t>(first->substr(5)) != i) {
      return fail(Code::kCorrupt, "trees: line {}: tree {} of {} does not start here",
                  lines.number(), i, trees);
    }
    lines.take();
    const Values values = TRY(read_values(lines));
    out.trees.push_back(TRY(TreeReader(values, lines.number(), out.features.size()).read()));
  }
  if (lines.peek() == "end of trees") return out;
  return fail(Code::kCorrupt, "trees: line {}: 'end of trees' is not here", lines.number());
}

}  // namespace palate
