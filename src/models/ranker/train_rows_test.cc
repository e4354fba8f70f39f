#include "models/ranker/train_rows.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "artefact/safetensors.h"
#include "infer/narrow.h"
#include "infer/network_draw.h"
#include "infer/same_network.h"
#include "infer/trainable.h"
#include "models/ranker/ranker.h"
#include "models/ranker/ranker_network.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kItems = 12;

// Items by two creators, of which some have no rows of their own.
class Rows : public ::testing::Test {
 protected:
  void SetUp() override {
    for (uint32_t i = 0; i < kItems; ++i) {
      ItemRecord item;
      item.id = "i" + std::to_string(i);
      item.creator = i % 2 == 0 ? "mary" : "ann";
      item.tags = {"slow", "t" + std::to_string(i % 3)};
      ASSERT_TRUE(catalogue_.apply(item));
    }
  }

  // The first `items` have rows of their own.
  static RankingFields::Parts parts(uint32_t items, RareRows rare) {
    RankingFields::Parts parts;
    parts.vocabulary.item_rows.resize(kItems);
    for (uint32_t i = 0; i < items; ++i) parts.vocabulary.item_rows[i] = i + 1;
    parts.vocabulary.items = items + 1;
    parts.vocabulary.item_rare = rare;
    parts.vocabulary.creators = NameRows({"mary"});
    parts.vocabulary.tags = NameRows({"slow", "t0", "t1"}, rare);
    parts.features = {"item_age_d"};
    return parts;
  }
  RankingFields fields(const RankingFields::Parts& parts) {
    return RankingFields::make(parts, types_, {}).value();
  }

  static NetworkSpec spec_of(const RankingFields& fields) {
    RankerInputs inputs;
    const auto owner = [](bool of_request) {
      return of_request ? FieldOwner::kRequest : FieldOwner::kCandidate;
    };
    for (const auto& field : fields.ids()) {
      const Pooling many = field.sum ? Pooling::kSum : Pooling::kMean;
      inputs.sparse.push_back({.name = field.name,
                               .owner = owner(field.of_request),
                               .pooling = field.many ? many : Pooling::kOne,
                               .rows = field.rows});
    }
    for (const auto& field : fields.numbers()) {
      inputs.dense.push_back({std::string(field.name), owner(field.of_request), field.width});
    }
    inputs.objectives = {{.name = "click", .link = Link::kSigmoid}};
    RankerConfig config;
    config.hidden = {"8"};
    config.width = 4;
    config.narrow_width = 2;
    config.streams = {"linear", "cross"};
    return ranker_network(config, inputs).value().spec;
  }

  // With tables whose rows in `same` are as row 0.
  static std::shared_ptr<const Artefact> network(const NetworkSpec& spec,
                                                 std::vector<uint32_t> same) {
    TensorDrawer draw;
    draw.kinds = 1;
    draw.edit = [&](TensorDrawer::Drawn& drawn) {
      if (!drawn.name.starts_with("table.")) return true;
      const size_t width = drawn.shape[1];
      for (const uint32_t row : same) {
        if (row >= drawn.shape[0]) continue;
        for (size_t i = 0; i < width; ++i) drawn.values[row * width + i] = drawn.values[i];
      }
      return true;
    };
    return draw.write(spec).value();
  }

  std::shared_ptr<const Artefact> written(const Artefact& network, const RankerTables& tables,
                                          const RankingFields::Parts& parts) {
    const auto path = folder_.path() / std::to_string(written_++);
    auto out = ArtefactWriter::create(path).value();
    add_tensors(network, tables, out);
    EXPECT_TRUE(write_ranking_fields(parts, out));
    out.manifest.kind = kRankerKind;
    out.manifest.version = "000001";
    out.manifest.details_json = R"({"network":)" + tables.spec.to_json() + "}";
    EXPECT_TRUE(out.commit());
    return Artefact::open(path).value();
  }
  std::shared_ptr<const Artefact> version(const RankingFields::Parts& of,
                                          std::vector<uint32_t> same = {}) {
    const NetworkSpec spec = spec_of(fields(of));
    return written(*network(spec, std::move(same)), {spec, {}}, of);
  }

  std::vector<float> scores(const std::shared_ptr<const Artefact>& version) {
    const auto ranker = Ranker::load(version, types_, {});
    EXPECT_TRUE(ranker) << ranker.error().message;
    UserState user;
    for (const uint32_t item : {0U, 3U, 9U, 10U}) {
      HistoryEntry liked;
      liked.item = {item};
      liked.preference = 1;
      user.history.push_back(liked);
    }
    std::vector<ItemIx> items;
    for (uint32_t i = 0; i < kItems + 2; ++i) items.push_back({i});  // two that are not known
    const Catalogue::View view = catalogue_.view();
    const FeatureSources from{&types_, &view, &popularity_, nullptr};
    Ranker::Scratch scratch;
    return (*ranker)->score({from, {&user, {}, {kDayUs}}, items}, {}, scratch).value().front();
  }

  TestFolder folder_;
  int written_ = 0;
  EventTypes types_ = EventTypes::defaults();
  Catalogue catalogue_;
  ItemPopularity popularity_;
};

TEST_F(Rows, LeavingOutWhatSaysNothingChangesNoBit) {
  for (const RareRows rare :
       {RareRows{}, RareRows{RareIds::kHashed, 4}, RareRows{RareIds::kQuotientRemainder, 4}}) {
    const auto parts = this->parts(8, rare);
    const NetworkSpec spec = spec_of(fields(parts));
    const auto whole = written(*network(spec, {2, 3, 7}), {spec, {}}, parts);
    const auto kept = pruned(*whole, fields(parts));
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ(kept->fields.vocabulary.items, 6u);
    EXPECT_EQ(kept->fields.vocabulary.history_items, 6u);
    EXPECT_EQ(kept->fields.vocabulary.item_rows[1], kUnusedRow);
    const bool shares = rare.rows > 0;
    EXPECT_EQ(kept->fields.vocabulary.tags.own(), shares ? 3u : 1u)
        << "a name without its row would share one";
    EXPECT_GT(kept->dropped, 0u);
    const auto less = written(*whole, kept->tables, kept->fields);
    EXPECT_EQ(scores(less), scores(whole)) << rare_name(rare.kind);
  }
}

TEST_F(Rows, AnIdStartsWithWhatItReadBefore) {
  for (const RareRows rare :
       {RareRows{}, RareRows{RareIds::kHashed, 4}, RareRows{RareIds::kQuotientRemainder, 4}}) {
    // Two of the last version's rows were left out; now more items and another tag are frequent.
    const auto before = this->parts(5, rare);
    const auto whole = version(before, {2, 3});
    const PrunedRanker kept = pruned(*whole, fields(before)).value();
    const auto last = written(*whole, kept.tables, kept.fields);
    auto now = this->parts(9, rare);
    now.vocabulary.creators = NameRows({"ann", "mary"});
    now.vocabulary.tags = NameRows({"t2", "t1", "slow", "t0"}, rare);
    const auto carried = carried_tables(last, fields(now), catalogue_.view());
    ASSERT_TRUE(carried) << carried.error().message;
    EXPECT_EQ(difference_of(spec_of(fields(now)), carried->spec), "");
    const auto next = written(*last, *carried, now);
    const auto was = scores(last), is = scores(next);
    ASSERT_EQ(is.size(), was.size());
    for (size_t i = 0; i < is.size(); ++i) EXPECT_FLOAT_EQ(is[i], was[i]) << i;
  }
}

TEST_F(Rows, NarrowRowsAreCarriedByName) {
  auto before = parts(3, {});
  before.vocabulary.item_narrow.resize(kItems);
  before.vocabulary.item_narrow[5] = 1;
  before.vocabulary.item_narrow[6] = 2;
  before.vocabulary.items_narrow = 3;
  before.vocabulary.creators = NameRows({"mary"}, {}, {"ann"});
  auto now = before;
  now.vocabulary.item_narrow = {};
  now.vocabulary.item_narrow.resize(kItems);
  now.vocabulary.item_narrow[6] = 1;
  now.vocabulary.item_narrow[5] = 2;
  now.vocabulary.item_narrow[7] = 3;
  now.vocabulary.items_narrow = 4;
  now.vocabulary.creators = NameRows({"mary"}, {}, {"eve", "ann"});
  const auto last = version(before);
  const auto carried = carried_tables(last, fields(now), catalogue_.view());
  ASSERT_TRUE(carried) << carried.error().message;
  const auto was = scores(last), is = scores(written(*last, *carried, now));
  for (size_t i = 0; i < is.size(); ++i) EXPECT_FLOAT_EQ(is[i], was[i]) << i;
}

TEST_F(Rows, ANarrowedVersionIsGoneOnFromInFp32) {
  const auto of = parts(5, {RareIds::kHashed, 4});
  for (const Precision tables : {Precision::kBf16, Precision::kInt8, Precision::kInt4}) {
    const auto path = folder_.path() / precision_name(tables);
    auto out = ArtefactWriter::create(path).value();
    ASSERT_TRUE(narrow_network(network(spec_of(fields(of)), {}), {Precision::kBf16, tables}, out));
    ASSERT_TRUE(write_ranking_fields(of, out));
    out.manifest.kind = kRankerKind;
    out.manifest.version = "000001";
    ASSERT_TRUE(out.commit());
    const auto last = Artefact::open(path).value();
    const auto carried = carried_tables(last, fields(of), catalogue_.view());
    ASSERT_TRUE(carried) << carried.error().message;
    const auto next = written(*last, *carried, of);
    for (const SparseField& field : carried->spec.sparse) {
      EXPECT_TRUE(next->tensor("table." + field.name, DType::kF32, 2));
      EXPECT_FALSE(next->tensor("table_scale." + field.name, DType::kF32, 1));
    }
    // Its layers are kept in bf16, as before: the same numbers come out, up to the sums' order.
    const auto was = scores(last), is = scores(next);
    ASSERT_EQ(is.size(), was.size());
    for (size_t i = 0; i < is.size(); ++i) EXPECT_NEAR(is[i], was[i], 1e-5) << i;
  }
}

TEST_F(Rows, SaysWhatDoesNotFit) {
  const auto before = parts(5, {});
  const auto last = version(before);
  EXPECT_THAT(pruned(*last, fields(parts(6, {}))).error().message, HasSubstr("has 6 rows"));
  // Another rule for rare ids is another network.
  const auto now = fields(parts(5, {RareIds::kQuotientRemainder, 4}));
  const auto carried = carried_tables(last, now, catalogue_.view());
  ASSERT_TRUE(carried);
  EXPECT_THAT(difference_of(spec_of(now), carried->spec), HasSubstr("read in another way"));
}

}  // namespace
}  // namespace palate
