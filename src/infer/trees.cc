#include "infer/trees.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "infer/trees_kernel.h"

namespace palate {
namespace {

constexpr size_t kSplitsMax = size_t{1} << 26;            // of 12 and 16 bytes
constexpr size_t kBlockBytes = 24 << 10, kGroupsMax = 8;  // columns of a block stay in L1

// Splits and leaves of a word, as ranges of what all trees share.
struct WordRange {
  size_t numbers = 0, categories = 0;  // ends
  size_t leaves = 0;                   // begin
  bool last = false;
};

TreeColumnKind kind_of(const SplitNode& node) {
  if (node.categorical) return TreeColumnKind::kCategory;
  if (node.missing == MissingType::kNone) return TreeColumnKind::kNumber;
  if (node.missing == MissingType::kZero) {
    return node.default_left ? TreeColumnKind::kZeroLeft : TreeColumnKind::kZeroRight;
  }
  return node.default_left ? TreeColumnKind::kNanLeft : TreeColumnKind::kNanRight;
}

// The largest float that is not above: x <= threshold says the same of every float x.
float float_below(double threshold) {
  constexpr double kMax = std::numeric_limits<float>::max();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (threshold >= kMax) return std::isinf(threshold) ? kInfinity : static_cast<float>(kMax);
  if (threshold < -kMax) return -kInfinity;
  const auto near = static_cast<float>(threshold);
  return double{near} > threshold ? std::nextafter(near, -kInfinity) : near;
}

using ColumnPlaces = std::map<std::pair<uint32_t, TreeColumnKind>, uint32_t>;

ColumnPlaces columns_of(const TreesText& text) {
  ColumnPlaces places;
  for (const TreeText& tree : text.trees) {
    for (const SplitNode& node : tree.nodes) places.try_emplace({node.feature, kind_of(node)});
  }
  uint32_t next = 0;
  for (auto& [column, place] : places) place = next++;
  return places;
}

// Where each leaf stands from left to right, and each node's leaves on the left.
struct LeafOrder {
  std::vector<size_t> place, left_begin, left_count;

  explicit LeafOrder(const TreeText& tree)
      : place(tree.leaves.size()), left_begin(tree.nodes.size()), left_count(tree.nodes.size()) {
    const size_t nodes = tree.nodes.size();
    std::vector<size_t> count(nodes);  // children come behind their parents
    const auto count_of = [&](int32_t child) {
      return child < 0 ? 1 : count[static_cast<size_t>(child)];
    };
    for (size_t i = nodes; i-- > 0;) {
      left_count[i] = count_of(tree.nodes[i].left);
      count[i] = left_count[i] + count_of(tree.nodes[i].right);
    }
    for (size_t i = 0; i < nodes; ++i) {
      begin_at(tree.nodes[i].left, left_begin[i]);
      begin_at(tree.nodes[i].right, left_begin[i] + left_count[i]);
    }
  }

 private:
  void begin_at(int32_t child, size_t at) {
    const int32_t leaf = ~child;
    if (child < 0) {
      place[static_cast<size_t>(leaf)] = at;
    } else {
      left_begin[static_cast<size_t>(child)] = at;
    }
  }
};

}  // namespace

struct Trees::State {
  TreesText text;  // without its trees
  size_t size = 0;
  std::vector<TreeColumn> columns;
  std::vector<NumberSplit> numbers;
  std::vector<CategorySplit> categories;
  std::vector<uint32_t> bits;
  std::vector<double> leaves;
  std::vector<WordRange> ranges;
  std::vector<TreeWord> words;

  Status build(const TreesText& from);
  void add(const TreeText& tree, const ColumnPlaces& places);
  void add_word(const TreeText& tree, const LeafOrder& order, const ColumnPlaces& places,
                size_t first);
  void finish();
};

// The splits that know leaves from `first` on.
void Trees::State::add_word(const TreeText& tree, const LeafOrder& order,
                            const ColumnPlaces& places, size_t first) {
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    const size_t begin = std::max(order.left_begin[i], first);
    const size_t end = std::min(order.left_begin[i] + order.left_count[i], first + kWordLeaves);
    if (begin >= end) continue;
    const uint64_t below = (uint64_t{1} << (end - first)) - (uint64_t{1} << (begin - first));
    const SplitNode& node = tree.nodes[i];
    const uint32_t column = places.at({node.feature, kind_of(node)});
    const auto stay = ~static_cast<uint32_t>(below);
    if (node.categorical) {
      categories.push_back({column, node.first_word, node.words, stay});
    } else {
      numbers.push_back({column, float_below(node.threshold), stay});
    }
  }
}

void Trees::State::add(const TreeText& tree, const ColumnPlaces& places) {
  const LeafOrder order(tree);
  const size_t words_of_tree = (tree.leaves.size() + kWordLeaves - 1) / kWordLeaves;
  const size_t first_leaf = leaves.size(), first_category = categories.size();
  // Bits behind the last leaf stand, too: with several words they may be looked at.
  leaves.resize(first_leaf +
                (words_of_tree > 1 ? words_of_tree * kWordLeaves : tree.leaves.size()));
  for (size_t leaf = 0; leaf < tree.leaves.size(); ++leaf) {
    leaves[first_leaf + order.place[leaf]] = tree.leaves[leaf];
  }
  for (size_t word = words_of_tree; word-- > 0;) {
    add_word(tree, order, places, word * kWordLeaves);
    ranges.push_back({.numbers = numbers.size(),
                      .categories = categories.size(),
                      .leaves = first_leaf + word * kWordLeaves,
                      .last = word == 0});
  }
  // Every set of categories gets a word of none behind it.
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> moved;
  for (size_t i = first_category; i < categories.size(); ++i) {
    CategorySplit& split = categories[i];
    const auto [at, added] = moved.try_emplace({split.first_word, split.words}, bits.size());
    if (added) {
      const auto from = tree.categories.begin() + split.first_word;
      bits.insert(bits.end(), from, from + split.words);
      bits.push_back(0);
    }
    split.first_word = at->second;
  }
}

void Trees::State::finish() {
  WordRange before;
  for (const WordRange& range : ranges) {
    words.push_back(
        {std::span(numbers).subspan(before.numbers, range.numbers - before.numbers),
         std::span(categories).subspan(before.categories, range.categories - before.categories),
         leaves.data() + range.leaves, range.last});
    before = range;
  }
}

Status Trees::State::build(const TreesText& from) {
  text = {.objective = from.objective,
          .features = from.features,
          .trees = {},
          .link = from.link,
          .sigmoid = from.sigmoid,
          .average = from.average};
  size = from.trees.size();
  const ColumnPlaces places = columns_of(from);
  for (const auto& [column, place] : places) columns.push_back({column.first, column.second});
  for (const TreeText& tree : from.trees) {
    add(tree, places);
    if (numbers.size() + categories.size() > kSplitsMax || bits.size() > 4 * kSplitsMax) {
      return fail(Code::kInvalidArgument, "trees: more splits than a server should hold");
    }
  }
  finish();
  return {};
}

Trees::Trees(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trees::~Trees() = default;
const std::vector<std::string>& Trees::features() const { return state_->text.features; }
TreesLink Trees::link() const { return state_->text.link; }
size_t Trees::size() const { return state_->size; }

Result<std::shared_ptr<const Trees>> Trees::from_text(std::string_view text) {
  const TreesText read = TRY(parse_trees(text));
  auto state = std::make_unique<State>();
  TRY(state->build(read));
  return std::shared_ptr<const Trees>(new Trees(std::move(state)));
}

Status Trees::sum(std::span<const float> rows, std::span<double> out, TreesScratch& scratch) const {
  const State& state = *state_;
  const size_t width = state.text.features.size();
  if (rows.size() != out.size() * width) {
    return fail(Code::kInvalidArgument, "trees: {} numbers are not {} rows of {} features",
                rows.size(), out.size(), width);
  }
  const size_t group = std::max<size_t>(state.columns.size(), 1) * kTreeRows;
  const size_t groups = std::clamp<size_t>(kBlockBytes / (group * sizeof(float)), 1, kGroupsMax);
  scratch.columns_.resize(std::max(scratch.columns_.size(), groups * group));
  scratch.sums_.resize(std::max(scratch.sums_.size(), groups * kTreeRows));
  // The words of some trees stay in the cache while the groups of a block pass by.
  constexpr size_t kWordsAtOnce = 16;
  for (size_t begin = 0; begin < out.size(); begin += groups * kTreeRows) {
    const size_t count = std::min(groups * kTreeRows, out.size() - begin);
    std::ranges::fill(scratch.sums_, 0.0);
    for (size_t r = 0; r < count; r += kTreeRows) {
      fill_columns(state.columns,
                   {rows.data() + (begin + r) * width, std::min(kTreeRows, count - r), width},
                   scratch.columns_.data() + r / kTreeRows * group);
    }
    for (size_t word = 0; word < state.words.size();) {
      size_t end = std::min(word + kWordsAtOnce, state.words.size());
      while (!state.words[end - 1].last) ++end;
      const auto some = std::span(state.words).subspan(word, end - word);
      for (size_t r = 0; r < count; r += kTreeRows) {
        add_leaves(some, state.bits.data(), scratch.columns_.data() + r / kTreeRows * group,
                   scratch.sums_.data() + r);
      }
      word = end;
    }
    std::copy_n(scratch.sums_.begin(), count, out.begin() + static_cast<ptrdiff_t>(begin));
  }
  if (!state.text.average) return {};
  for (double& one : out) one /= static_cast<double>(state.size);
  return {};
}

Status Trees::score(std::span<const float> rows, std::span<double> out,
                    TreesScratch& scratch) const {
  TRY(sum(rows, out, scratch));
  for (double& one : out) one = linked(state_->text, one);
  return {};
}

// As LightGBM 4 computes them, to the bit where exp() is the same.
double linked(const TreesText& trees, double sum) {
  switch (trees.link) {
    case TreesLink::kIdentity:
      return sum;
    case TreesLink::kSignedSquare:
      return sum < 0 ? -sum * sum : sum * sum;
    case TreesLink::kExp:
      return std::exp(sum);
    case TreesLink::kSigmoid:
      return 1 / (1 + std::exp(-trees.sigmoid * sum));
    case TreesLink::kSoftplus:
      return std::log1p(std::exp(sum));
  }
  return sum;
}

}  // namespace palate
