#include "models/ranker/ranker.h"

#include <cmath>
#include <limits>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "artefact/safetensors.h"
#include "infer/network_draw.h"
#include "infer/trees_draw.h"
#include "models/ranker/ranker_network.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What `palate train --models ranker` writes, with weights that are drawn instead of trained.
class Served : public ::testing::Test {
 protected:
  void SetUp() override {
    for (uint32_t i = 0; i < kItems; ++i) {
      ItemRecord item;
      item.id = std::to_string(i);
      item.creator = i % 2 == 0 ? "mary" : "";
      item.tags = {"slow"};
      ASSERT_TRUE(catalogue_.apply(item));
      parts_.vocabulary.item_rows.push_back(i);
    }
    parts_.vocabulary.items = kItems;
    parts_.vocabulary.creators = NameRows({"mary"});
    parts_.vocabulary.tags = NameRows({"slow"});
    parts_.features = {"user_recency_h", "item_age_d", "item_popularity"};
  }

  [[nodiscard]] RankerInputs inputs(bool position) const {
    const auto fields = RankingFields::make(parts_, types_, {});
    RankerInputs inputs;
    const auto owner = [](bool of_request) {
      return of_request ? FieldOwner::kRequest : FieldOwner::kCandidate;
    };
    for (const auto& field : fields->ids()) {
      inputs.sparse.push_back({.name = std::string(field.name),
                               .owner = owner(field.of_request),
                               .pooling = field.many ? Pooling::kMean : Pooling::kOne,
                               .rows = field.rows});
    }
    if (position) {
      inputs.sparse.push_back({.name = "position", .owner = FieldOwner::kRequest, .rows = 101});
    }
    for (const auto& field : fields->numbers()) {
      inputs.dense.push_back({.name = std::string(field.name),
                              .owner = owner(field.of_request),
                              .width = field.width});
    }
    inputs.objectives = {{.name = "click", .link = Link::kSigmoid},
                         {.name = "watch", .link = Link::kSigmoid}};
    return inputs;
  }

  Result<std::shared_ptr<const Artefact>> write(const RankerInputs& of) {
    RankerConfig config;
    config.hidden = {"16"};
    config.width = 4;
    config.streams = {"linear", "cross", "mlp"};
    const TrainableNetwork plan = TRY(ranker_network(config, of));
    TensorDrawer draw;
    draw.kinds = 1;
    const auto network = TRY(draw.write(plan.spec));
    auto out = TRY(ArtefactWriter::create(folder_.path() / std::to_string(written_++)));
    for (const NamedTensor& tensor : network->tensors()) {
      out.add(tensor.name, tensor.view.type, tensor.view.shape, tensor.view.bytes);
    }
    out.add<uint32_t>(std::string(kRankerItemRows), {parts_.vocabulary.item_rows.size()},
                      std::span<const uint32_t>(parts_.vocabulary.item_rows));
    TRY(out.add_file(kRankerFieldsFile, fields_json_.empty() ? to_json(parts_) : fields_json_));
    std::vector<WrittenTrees> trees;
    for (const BlendedTrees& blend : trees_) trees.push_back({blend, trees_text_});
    TRY(write_ranker_trees(trees, out));
    out.manifest.kind = kRankerKind;
    out.manifest.version = "000007";
    out.manifest.details_json = network->manifest().details_json;
    TRY(out.commit());
    return Artefact::open(folder_.path() / std::to_string(written_ - 1));
  }
  Result<std::unique_ptr<const Ranker>> load(bool position = false) {
    return Ranker::load(TRY(write(inputs(position))), types_, {});
  }

  Result<std::vector<std::vector<float>>> score(const Ranker& ranker,
                                                const std::vector<ItemIx>& items,
                                                const std::vector<std::string>& set_aside = {}) {
    const Catalogue::View view = catalogue_.view();
    const FeatureSources from{&types_, &view, &popularity_, nullptr};
    const FeatureMoment moment{&user_, {}, {kDayUs}};
    Ranker::Scratch scratch;
    return ranker.score({from, moment, items}, set_aside, scratch);
  }

  static constexpr uint32_t kItems = 40;
  TestFolder folder_;
  int written_ = 0;
  EventTypes types_ = EventTypes::defaults();
  Catalogue catalogue_;
  ItemPopularity popularity_;
  UserState user_;
  RankingFields::Parts parts_;
  std::string fields_json_;
  std::vector<BlendedTrees> trees_;
  std::string trees_text_;
};

TEST_F(Served, SaysEachObjectiveOfEachCandidate) {
  const auto ranker = load();
  ASSERT_TRUE(ranker) << ranker.error().message;
  EXPECT_THAT((*ranker)->objectives(), ElementsAre("click", "watch"));
  EXPECT_EQ((*ranker)->version(), "000007");
  const auto scores = score(**ranker, {{1}, {2}, {3}});
  ASSERT_TRUE(scores) << scores.error().message;
  ASSERT_EQ(scores->size(), 2u);
  for (const auto& row : *scores) {
    ASSERT_EQ(row.size(), 3u);
    EXPECT_NE(row[0], row[1]);
    for (const float probability : row) EXPECT_TRUE(probability > 0 && probability < 1);
  }
}

TEST_F(Served, AFeatureThatHasMovedAwayIsSetAside) {
  const auto ranker = load();
  ASSERT_TRUE(ranker) << ranker.error().message;
  const auto before = score(**ranker, {{1}, {2}});
  ASSERT_TRUE(before);
  EXPECT_TRUE((*ranker)->drift().set_aside().empty());
  EXPECT_EQ((*ranker)->drift().report().size(), parts_.features.size());
  const std::vector<std::string> names{"user_recency_h"};
  const auto without = score(**ranker, {{1}, {2}}, names);
  ASSERT_TRUE(without);
  EXPECT_NE((*before)[0][0], (*without)[0][0]);
}

TEST_F(Served, ACandidateDoesNotDependOnTheOthers) {
  const auto ranker = load();
  ASSERT_TRUE(ranker);
  std::vector<ItemIx> all;
  for (uint32_t i = 0; i < kItems; ++i) all.push_back({i});
  const auto together = score(**ranker, all);
  ASSERT_TRUE(together);
  for (uint32_t i = 0; i < kItems; i += 7) {
    const auto alone = score(**ranker, {{i}});
    ASSERT_TRUE(alone);
    EXPECT_EQ((*alone)[0][0], (*together)[0][i]);
    EXPECT_EQ((*alone)[1][0], (*together)[1][i]);
  }
}

TEST_F(Served, WhatTheUserLikedCountsAtOnce) {
  const auto ranker = load();
  ASSERT_TRUE(ranker);
  const auto before = score(**ranker, {{1}, {2}});
  HistoryEntry liked;
  liked.item = {5};
  liked.preference = 1;
  user_.history.push_back(liked);
  const auto after = score(**ranker, {{1}, {2}});
  EXPECT_NE((*before)[0][0], (*after)[0][0]);
}

TEST_F(Served, AnItemThatCameAfterTrainingIsOneOfTheUnknown) {
  const auto ranker = load();
  ASSERT_TRUE(ranker);
  for (const char* id : {"new", "newer"}) {
    ItemRecord item;
    item.id = id;
    item.tags = {"slow"};
    ASSERT_TRUE(catalogue_.apply(item));
  }
  const auto scores = score(**ranker, {{kItems}, {kItems + 1}});
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_EQ((*scores)[0][0], (*scores)[0][1]) << "alike in everything that is known";
}

TEST_F(Served, ThePlaceInTheSlateIsHeldAtTheFirst) {
  const auto ranker = load(/*position=*/true);
  ASSERT_TRUE(ranker) << ranker.error().message;
  EXPECT_TRUE(score(**ranker, {{1}}));
}

TEST_F(Served, NobodyAndNothingAreFine) {
  const auto ranker = load();
  ASSERT_TRUE(ranker);
  const Catalogue::View view = catalogue_.view();
  const FeatureSources from{&types_, &view, &popularity_, nullptr};
  const FeatureMoment nobody{nullptr, {}, {0}};
  Ranker::Scratch scratch;
  const auto none = (*ranker)->score({from, nobody, {}}, {}, scratch);
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_TRUE((*none)[0].empty());
}

// Trees out of a seed that read one column of each kind: ids, how many, numbers, the place.
class ServedWithTrees : public Served {
 protected:
  void SetUp() override {
    Served::SetUp();
    const std::vector<TreeFeature> columns{{"item", TreeReading::kId, 0},
                                           {"tags", TreeReading::kCount, 0},
                                           {"item_numbers", TreeReading::kNumber, 1},
                                           {"user_numbers", TreeReading::kNumber, 0},
                                           {"position", TreeReading::kId, 0},
                                           {"creator", TreeReading::kId, 0}};
    draw_trees();
    TreesModel model{.label = "watch", .group = {}, .features = columns, .trees = {}};
    model = *TreesModel::parse(model.describe(), trees_text_);
    trees_.push_back({.objective = "watch",
                      .model = std::move(model),
                      .network = 0.75,
                      .trees = 0.5,
                      .shift = -0.25});
  }
  // The next text whose trees ask for every feature.
  void draw_trees() {
    do {
      trees_text_ = TreesDrawer(++seed_).text(16);
    } while (TreesDrawer(seed_).features() != kFeatures ||
             split_on(trees_text_).size() != kFeatures);
  }
  static constexpr size_t kFeatures = 6;
  uint64_t seed_ = 0;
  // Which features the trees ask for.
  static std::set<std::string> split_on(const std::string& text) {
    std::set<std::string> features;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("split_feature=")) continue;
      std::istringstream numbers(line.substr(line.find('=') + 1));
      for (std::string number; numbers >> number;) features.insert(number);
    }
    return features;
  }
};

TEST_F(ServedWithTrees, BothSayOneProbability) {
  std::vector<ItemIx> items;
  for (uint32_t i = 0; i < kItems; ++i) items.push_back({i});
  const auto both = load();
  ASSERT_TRUE(both) << both.error().message;
  const auto blended = score(**both, items);
  ASSERT_TRUE(blended) << blended.error().message;
  const auto blend = std::move(trees_.front());
  trees_.clear();
  const auto alone = score(**load(), items);
  ASSERT_TRUE(alone);

  RankingFields::Values values;
  RankingFields::Scratch scratch;
  const Catalogue::View view = catalogue_.view();
  const FeatureSources from{&types_, &view, &popularity_, nullptr};
  const FeatureMoment moment{&user_, {}, {kDayUs}};
  RankingFields::make(parts_, types_, {})->read({from, moment, items}, values, scratch);
  std::set<double> different;
  for (uint32_t i = 0; i < kItems; ++i) {
    const std::vector<float> row{static_cast<float>(i), 1, values.numbers[1][2 * i + 1],
                                 values.numbers[0][0],  1, i % 2 == 0 ? 1.0F : 0.0F};
    std::vector<double> of_trees(1);
    TreesScratch trees;
    ASSERT_TRUE(blend.model.trees->score(row, of_trees, trees));
    const double p = (*alone)[1][i], q = of_trees[0];
    const double z = 0.75 * std::log(p / (1 - p)) + 0.5 * std::log(q / (1 - q)) - 0.25;
    EXPECT_NEAR((*blended)[1][i], 1 / (1 + std::exp(-z)), 1e-6) << i;
    EXPECT_EQ((*blended)[0][i], (*alone)[0][i]) << "of clicks there are no trees";
    different.insert(q);
  }
  EXPECT_GT(different.size(), 1U);
}

TEST_F(ServedWithTrees, ReadTrainingsMeanOfWhatIsSetAside) {
  trees_.front().network = 0;  // what the trees say alone
  trees_.front().model.features[3] = {"item_numbers", TreeReading::kNumber, 1};
  std::vector<float> with, without;
  for (int tries = 0; tries < 100 && with == without; ++tries) {
    draw_trees();
    const auto ranker = load();
    ASSERT_TRUE(ranker) << ranker.error().message;
    with = (*score(**ranker, {{1}, {2}}))[1];
    without = (*score(**ranker, {{1}, {2}}, {"item_popularity"}))[1];
  }
  ASSERT_NE(with, without) << "no trees ask what lies between the popularity and its mean";
  const auto artefact = Artefact::open(folder_.path() / std::to_string(written_ - 1));
  const float mean = (*(*artefact)->vector<float>("mean.item_numbers"))[1];
  const auto trees = Trees::from_text(trees_text_);
  for (uint32_t i = 0; i < 2; ++i) {
    const std::vector<float> row{static_cast<float>(i + 1), 1, mean, mean, 1, i == 1 ? 1.0F : 0.0F};
    std::vector<double> says(1);
    TreesScratch scratch;
    ASSERT_TRUE((*trees)->score(row, says, scratch));
    EXPECT_NEAR(without[i], trees_.front().probability(0.5, says[0]), 1e-6);
  }
}

// Rows of one id by quotient and remainder: the first one is the tree's category, as in examples.
TEST_F(ServedWithTrees, ReadTheFirstRowOfAnIdThatHasSeveral) {
  parts_.vocabulary.item_rare = {.kind = RareIds::kQuotientRemainder, .rows = 16};
  const auto fields = RankingFields::make(parts_, types_, {});
  ASSERT_TRUE(fields) << fields.error().message;
  const auto columns = TreeColumns::of(trees_.front().model, *fields);
  ASSERT_TRUE(columns) << columns.error().message;
  RankingFields::Values values;
  RankingFields::Scratch scratch;
  const Catalogue::View view = catalogue_.view();
  const FeatureSources from{&types_, &view, &popularity_, nullptr};
  const FeatureMoment moment{&user_, {}, {kDayUs}};
  const std::vector<ItemIx> items{{0}, {3}};
  fields->read({from, moment, items}, values, scratch);
  std::vector<float> rows;
  columns->read(values, values.numbers, items.size(), rows);
  const auto at =
      static_cast<size_t>(std::ranges::find(fields->ids(), "item", &RankingFields::IdField::name) -
                          fields->ids().begin());
  ASSERT_TRUE(fields->ids()[at].sum);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rows[i * 6], static_cast<float>(values.ids[at][values.starts[at][i]]));
  }
}

TEST_F(ServedWithTrees, RefuseWhatDoesNotFit) {
  const BlendedTrees right = trees_.front();
  trees_.front().model.features[0].column = "mood";
  EXPECT_EQ(load().error().code, Code::kConflict);
  EXPECT_THAT(load().error().message, HasSubstr("'mood'"));
  trees_.front() = right;
  trees_.front().model.features[2].place = 2;  // of two numbers
  EXPECT_EQ(load().error().code, Code::kConflict);
  trees_.front() = right;
  trees_.front().model.features[1].reading = TreeReading::kId;  // one of many
  EXPECT_EQ(load().error().code, Code::kConflict);
  trees_.front() = right;
  trees_.front().objective = "purchase";
  EXPECT_EQ(load().error().code, Code::kCorrupt);
  trees_.front() = right;
  trees_text_ = "tree\nversion=v4\n";
  EXPECT_FALSE(load());
}

TEST_F(Served, RefusesWhatDoesNotFit) {
  auto wider = parts_;
  wider.vocabulary.creators = NameRows({"mary", "ann"});
  fields_json_ = to_json(wider);
  EXPECT_THAT(load().error().message, HasSubstr("reads the field 'creator'"));
  fields_json_ = "{}";
  EXPECT_EQ(load().error().code, Code::kCorrupt);
  auto other = parts_;
  other.features = {"user_recency_h", "item_age_d", "item_count:click:1d"};
  fields_json_ = to_json(other);
  const auto not_kept = load();
  EXPECT_EQ(not_kept.error().code, Code::kConflict);
  EXPECT_THAT(not_kept.error().message, HasSubstr("palate train --models ranker"));
}

}  // namespace
}  // namespace palate
