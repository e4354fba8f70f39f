#include "models/ranker/ranker.h"

#include <gmock/gmock.h>

#include "artefact/safetensors.h"
#include "infer/network_draw.h"
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
