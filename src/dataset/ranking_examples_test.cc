#include "dataset/ranking_examples.h"

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <unistd.h>

#include <gmock/gmock.h>

#include "dataset/examples.h"
#include "events/block.h"
#include "features/live_state.h"
#include "features/memory_parts_for_test.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kStart = 1'767'225'600 * kSecondUs;

// Slates of five items, each followed by clicks on items of the user's half; what serving would
// have read for each is kept beside.
class LoggedWorld : public ::testing::Test {
 protected:
  static constexpr uint32_t kItems = 30, kUsers = 12, kSlate = 5;

  void SetUp() override {
    live_ = std::make_unique<LiveState>(LiveState::Parts{.types = &types_,
                                                         .hash = &hash_,
                                                         .store = &store_,
                                                         .tenant = {},
                                                         .limits = limits_,
                                                         .features = features_,
                                                         .bulk_entries_min = 1'000'000,
                                                         .write_delay = std::chrono::hours(1)});
    ASSERT_TRUE(live_->catch_up(log_, {}));
    out_ = std::filesystem::temp_directory_path() / fmt::format("palate-examples-{}", getpid());
    std::filesystem::remove_all(out_);
    std::filesystem::create_directories(out_);
    for (uint32_t item = 0; item < kItems; ++item) post_item(item);
    for (uint32_t user = 0; user < kUsers; ++user) post_user(user);
  }
  void TearDown() override { std::filesystem::remove_all(out_); }

  Position append(Stream stream, std::vector<EncodedBlock> blocks) {
    std::vector<EventLog::Append> appends;
    for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
    return log_.append(appends)->front();
  }
  void post_item(uint32_t number) {
    ItemRecord item;
    item.id = fmt::format("i{}", number);
    item.categories = {fmt::format("c{}", number % 3), fmt::format("half{}", number % 2)};
    item.tags = {fmt::format("t{}", number % 4)};
    item.creator = fmt::format("m{}", number % 7);
    const std::vector items{item};
    ASSERT_TRUE(live_->apply_items(append(Stream::kItems, encode_items(items)), items));
  }
  void post_user(uint32_t number) {
    UserRecord user;
    user.id = fmt::format("u{}", number);
    user.region = number % 2 == 0 ? "NO" : "PT";
    user.personalization = number != 3;
    const std::vector users{user};
    ASSERT_TRUE(live_->apply_users(append(Stream::kUsers, encode_users(users)), users));
  }
  void send(const std::vector<EventView>& rows) {
    const Position first = append(Stream::kEvents, encode_events(rows, types_));
    ASSERT_TRUE(live_->apply_events(first, rows));
  }

  struct Asked {
    std::string user;
    TimeUs now;
    std::vector<ItemIx> items = {};
    RankingFields::Values values = {};
    std::set<uint32_t> clicked = {};  // places
  };

  // `fields`: what serving reads with, before the slate is logged. `randomized`: every second slate
  // says that it is, and from the third place on every second click does not come.
  void play(size_t slates, const RankingFields* fields, bool randomized = false) {
    for (size_t s = 0; s < slates; ++s) {
      clock_us_ += 600 * kSecondUs;
      const uint32_t user = random_() % kUsers;
      Asked asked{.user = fmt::format("u{}", user), .now = {clock_us_}};
      std::set<uint32_t> items;
      while (items.size() < kSlate) items.insert(random_() % kItems);
      for (const uint32_t item : items) asked.items.push_back({item});
      if (fields != nullptr) read_live(*fields, asked);
      names_.clear();
      for (const uint32_t item : items) names_.push_back(fmt::format("i{}", item));
      const std::string request = fmt::format("r{}", asked_.size());
      std::vector<EventView> shown, clicks;
      for (uint32_t place = 0; place < kSlate; ++place) {
        EventView row;
        row.user = asked.user;
        row.item = names_[place];
        row.request_id = request;
        row.slot = static_cast<int32_t>(place);
        row.ts = row.received = asked.now;
        row.type = *types_.find("impression");
        if (randomized && s % 2 == 0) row.context = R"({"randomized":true})";
        shown.push_back(row);
        if (asked.items[place].value % 2 != user % 2) continue;
        if (randomized && place >= 2 && random_() % 2 == 0) continue;
        row.type = *types_.find("click");
        row.ts = row.received = {clock_us_ + 30 * kSecondUs};
        clicks.push_back(row);
        asked.clicked.insert(place);
      }
      send(shown);
      if (!clicks.empty()) send(clicks);
      asked_.push_back(std::move(asked));
    }
  }

  void read_live(const RankingFields& fields, Asked& asked) {
    const Catalogue::View items = live_->catalogue().view();
    const ItemSignals::View signals = live_->signals()->view();
    const auto user = live_->user(asked.user);
    ASSERT_TRUE(user);
    const UserState* state = user->get();
    if (state != nullptr && state->has_profile && !state->profile.personalization) state = nullptr;
    const FeatureSources from{&types_, &items, &live_->popularity(), &signals};
    const FeatureMoment moment{state, {}, asked.now};
    RankingFields::Scratch scratch;
    fields.read({from, moment, asked.items}, asked.values, scratch);
  }

  // A slate of one item, which is clicked.
  void show_alone(uint32_t item) {
    clock_us_ += 600 * kSecondUs;
    const std::string name = fmt::format("i{}", item);
    EventView row;
    row.user = "u1";
    row.item = name;
    row.ts = row.received = {clock_us_};
    row.type = *types_.find("impression");
    send({row});
    row.type = *types_.find("click");
    row.ts = row.received = {clock_us_ + kSecondUs};
    send({row});
  }

  Result<RankingExamples> make(const ExamplesConfig& config, bool choices = false,
                               std::optional<LearntBefore> before = {}) {
    return make_ranking_examples({.replay = {&log_, &types_, &hash_, limits_, features_},
                                  .catalogue = &live_->catalogue(),
                                  .config = config,
                                  .seed = 1,
                                  .out = out_,
                                  .before = before,
                                  .choices = choices},
                                 {});
  }
  static std::string error_of(const Result<RankingExamples>& made) {
    return made ? std::string("none") : made.error().message;
  }

  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{{}, {}};
  HistoryLimits limits_;
  FeatureConfig features_ = everything(8);
  MemoryLog log_;
  MemoryStore store_;
  std::unique_ptr<LiveState> live_;
  Path out_;
  std::mt19937 random_{7};
  int64_t clock_us_ = kStart;
  std::vector<std::string> names_;
  std::vector<Asked> asked_;
};

// What the rows of a field stand for, so that two vocabularies can be compared.
std::vector<std::string> names_of(const RankingVocabulary& of, std::string_view field,
                                  std::span<const uint32_t> rows) {
  const std::map<std::string_view, const NameRows*> lists{{"region", &of.regions},
                                                          {"language", &of.languages},
                                                          {"age_band", &of.age_bands},
                                                          {"creator", &of.creators},
                                                          {"categories", &of.categories},
                                                          {"tags", &of.tags},
                                                          {"item_languages", &of.item_languages}};
  std::vector<std::string> names;
  for (const uint32_t row : rows) {
    if (row == 0 || field == "hour" || field == "weekday") {
      names.push_back(std::to_string(row));
    } else if (const auto list = lists.find(field); list != lists.end()) {
      names.push_back(list->second->names().at(row - 1));
    } else {
      const auto item = std::ranges::find(of.item_rows, row);
      names.push_back(fmt::format("item {}", item - of.item_rows.begin()));
    }
  }
  return names;
}

TEST_F(LoggedWorld, ARowReadsWhatServingReadForTheRequest) {
  // The vocabulary of a first run is what serving reads with while the rest is played.
  play(150, nullptr);
  ExamplesConfig config;
  const auto before = make(config);
  ASSERT_TRUE(before) << before.error().message;
  const auto fields = RankingFields::make(before->fields, types_, features_);
  ASSERT_TRUE(fields);
  play(150, &*fields);
  std::filesystem::remove_all(out_);
  std::filesystem::create_directories(out_);
  const auto made = make(config);
  ASSERT_TRUE(made) << made.error().message;
  // All items, tags, … are frequent in both runs, in another order: names are compared, not rows.
  const auto examples = Examples::open(made->held_out);
  ASSERT_TRUE(examples) << examples.error().message;
  ASSERT_GT(examples->rows(), 100u);
  const auto& id_fields = fields->ids();
  size_t compared = 0;
  for (size_t row = 0; row < examples->rows(); ++row) {
    const uint32_t slate = examples->ids(id_fields.size(), row)[0] - 1;
    const Asked& asked = asked_[slate];
    const size_t place = row % kSlate;
    for (size_t n = 0; n < examples->schema().numbers.size(); ++n) {
      const auto width = examples->schema().numbers[n].width;
      const size_t at = examples->schema().numbers[n].of_request ? 0 : place;
      const auto offline = examples->numbers(n, row);
      for (size_t v = 0; v < width; ++v) {
        ASSERT_EQ(offline[v], asked.values.numbers[n][at * width + v])
            << n << " " << v << " of slate " << slate;
        ++compared;
      }
    }
    for (size_t f = 0; f < id_fields.size(); ++f) {
      const size_t at = id_fields[f].of_request ? 0 : place;
      const auto offline = examples->ids(f, row);
      const auto& starts = asked.values.starts[f];
      const size_t begin = starts.empty() ? at : starts[at];
      const size_t end = starts.empty() ? at + 1 : starts[at + 1];
      const auto online = std::span(asked.values.ids[f]).subspan(begin, end - begin);
      ASSERT_EQ(names_of(made->fields.vocabulary, id_fields[f].name, offline),
                names_of(before->fields.vocabulary, id_fields[f].name, online))
          << id_fields[f].name << " of slate " << slate;
    }
    EXPECT_EQ(examples->label(0)[row],
              asked.clicked.contains(static_cast<uint32_t>(place)) ? 1 : 0);
  }
  EXPECT_GT(compared, 1000u);
}

// What serving reads of the items of a slate with the fields that the examples were made with.
void expect_rows_of_serving(const RankingFields& fields, const RankingFields::Values& online,
                            const Examples& offline, size_t row) {
  constexpr size_t kSlate = 5;
  for (const char* name : {"item", "item.narrow", "creator", "creator.narrow", "tags", "region"}) {
    const auto field = std::ranges::find(fields.ids(), name, &RankingFields::IdField::name);
    if (field == fields.ids().end()) continue;
    const auto f = static_cast<size_t>(field - fields.ids().begin());
    const size_t at = field->of_request ? 0 : row % kSlate;
    const size_t begin = field->many ? online.starts[f][at] : at;
    const size_t end = field->many ? online.starts[f][at + 1] : at + 1;
    EXPECT_EQ(std::vector(online.ids[f].begin() + static_cast<ptrdiff_t>(begin),
                          online.ids[f].begin() + static_cast<ptrdiff_t>(end)),
              std::vector(offline.ids(f, row).begin(), offline.ids(f, row).end()))
        << name << " of row " << row;
  }
}

TEST_F(LoggedWorld, RareIdsReadTheSameRowsInExamplesAndServing) {
  play(300, nullptr);
  std::map<std::string, size_t> columns;
  for (const char* rule : {"shared", "hashed", "quotient_remainder", "narrow"}) {
    std::filesystem::remove_all(out_);
    std::filesystem::create_directories(out_);
    ExamplesConfig config;
    config.vocabulary_min = 47;  // of some 45 impressions an item
    config.rare = rule;
    config.rare_rows = 8;
    const auto made = make(config);
    ASSERT_TRUE(made) << made.error().message;
    const auto& vocabulary = made->fields.vocabulary;
    EXPECT_GT(vocabulary.items, 3u);
    EXPECT_LT(vocabulary.items, kItems);
    const auto fields = RankingFields::make(made->fields, types_, features_);
    ASSERT_TRUE(fields);
    columns[rule] = fields->ids().size();
    const auto examples = Examples::open(made->held_out).value();
    for (size_t row = 0; row < examples.rows(); row += 7) {
      Asked asked = asked_[examples.ids(columns[rule], row)[0] - 1];
      read_live(*fields, asked);
      expect_rows_of_serving(*fields, asked.values, examples, row);
    }
    const bool sums = fields->ids()[6].sum;
    EXPECT_EQ(sums, std::string_view(rule) == "quotient_remainder");
  }
  EXPECT_EQ(columns["shared"], columns["hashed"]);
  EXPECT_GT(columns["narrow"], columns["shared"]);
}

TEST_F(LoggedWorld, WhatWasNotShownForLongGivesUpItsRow) {
  play(300, nullptr);  // two days
  ExamplesConfig config;
  const auto all = make(config);
  ASSERT_TRUE(all);
  std::filesystem::remove_all(out_);
  std::filesystem::create_directories(out_);
  clock_us_ += 3 * kDayUs;
  const uint32_t before = all->fields.vocabulary.items;
  post_item(kItems);  // nothing else is shown from here on
  for (int slate = 0; slate < 300; ++slate) show_alone(kItems);
  config.expire_days = 2;
  const auto made = make(config);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(before, kItems + 1);
  EXPECT_EQ(made->fields.vocabulary.items, 2u)
      << "the row of what is not known, and of the new one";
  EXPECT_EQ(made->fields.vocabulary.item_rows[kItems], 1u);
  EXPECT_TRUE(made->fields.vocabulary.creators.row_of("m2") > 0) << "its creator";
  EXPECT_EQ(made->fields.vocabulary.creators.names().size(), 1u);
}

TEST_F(LoggedWorld, OfWhatWasLearntBeforeAShareIsLearntAgain) {
  play(300, nullptr);
  const auto made_with = [&](std::optional<LearntBefore> before) {
    std::filesystem::remove_all(out_);
    std::filesystem::create_directories(out_);
    auto made = make({}, false, before);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(made).value();
  };
  const auto all = made_with({});
  const TimeUs middle = asked_[100].now;
  EXPECT_GT(all.trained_until, middle);
  EXPECT_LT(all.trained_until, asked_.back().now);
  const auto some = made_with(LearntBefore{middle, 0.2});
  EXPECT_EQ(some.replayed + some.left_out, 101 * kSlate) << "those up to there";
  EXPECT_NEAR(static_cast<double>(some.replayed), 101, 40);
  EXPECT_EQ(some.training_rows, all.training_rows - some.left_out);
  EXPECT_EQ(some.held_out_rows, all.held_out_rows);
  EXPECT_EQ(some.fields.vocabulary.items, all.fields.vocabulary.items) << "it knows all ids";
  const auto examples = Examples::open(some.training.front()).value();
  const size_t slate = examples.schema().ids.size() - 1;
  size_t old = 0;
  for (size_t row = 0; row < examples.rows(); ++row) old += examples.ids(slate, row)[0] <= 101;
  EXPECT_EQ(old, some.replayed);
  EXPECT_EQ(made_with(LearntBefore{middle, 0.2}).replayed, some.replayed) << "one seed, one result";
  EXPECT_EQ(made_with(LearntBefore{middle, 1}).training_rows, all.training_rows);
  EXPECT_EQ(made_with(LearntBefore{middle, 0}).replayed, 0u);
}

TEST_F(LoggedWorld, SaysWhatEachWayToGiveRowsCosts) {
  play(200, nullptr);
  ExamplesConfig config;
  config.vocabulary_min = 47;
  const auto made = make(config);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->choices.empty()) << "nobody asked";
  std::filesystem::remove_all(out_);
  std::filesystem::create_directories(out_);
  const auto told = make(config, /*choices=*/true);
  ASSERT_TRUE(told) << told.error().message;
  ASSERT_EQ(told->choices.size(), 8u);
  EXPECT_EQ(told->choices[0].field, "item");
  EXPECT_EQ(told->choices[0].ways[0].ids, kItems);
  EXPECT_EQ(told->choices[0].ways[1].rows, told->fields.vocabulary.items);
  EXPECT_THAT(describe(told->choices, 16, 4), HasSubstr("quotient_remainder"));
}

TEST_F(LoggedWorld, WhatIsHeldOutIsNewerThanEveryLabelThatIsTrainedOn) {
  play(200, nullptr);
  ExamplesConfig config;
  config.objectives = {"click:3h"};
  const auto made = make(config);
  ASSERT_TRUE(made) << made.error().message;
  const auto training = Examples::open(made->training.front());
  const auto held_out = Examples::open(made->held_out);
  ASSERT_TRUE(training);
  ASSERT_TRUE(held_out);
  const size_t slate = training->schema().ids.size() - 1;
  ASSERT_EQ(training->schema().ids[slate].name, "_slate");
  int64_t newest = 0, oldest = INT64_MAX;
  for (size_t row = 0; row < training->rows(); ++row) {
    newest = std::max(newest, asked_[training->ids(slate, row)[0] - 1].now.us);
  }
  for (size_t row = 0; row < held_out->rows(); ++row) {
    oldest = std::min(oldest, asked_[held_out->ids(slate, row)[0] - 1].now.us);
  }
  EXPECT_LT(newest + 3 * 3600 * kSecondUs, oldest);
  EXPECT_GT(made->between, 0u);
  EXPECT_GT(made->unfinished, 0u);
  EXPECT_EQ(made->training_rows + made->held_out_rows + made->between + made->unfinished,
            made->impressions);
}

TEST_F(LoggedWorld, NegativesThatAreDroppedAreWeighedForByThoseThatStay) {
  play(300, nullptr);
  ExamplesConfig config;
  const auto all = make(config);
  ASSERT_TRUE(all);
  std::filesystem::remove_all(out_);
  std::filesystem::create_directories(out_);
  config.negatives = 0.25;
  const auto made = make(config);
  ASSERT_TRUE(made) << made.error().message;
  const auto examples = Examples::open(made->training.front());
  ASSERT_TRUE(examples);
  double positives = 0, negatives = 0, weight = 0;
  for (size_t row = 0; row < examples->rows(); ++row) {
    (examples->label(0)[row] > 0 ? positives : negatives) += 1;
    weight += examples->weight(row);
  }
  EXPECT_EQ(positives, static_cast<double>(made->positives[0]));
  EXPECT_EQ(made->positives, all->positives);
  EXPECT_EQ(all->training_rows, made->training_rows + made->dropped);
  const double negatives_before = static_cast<double>(all->training_rows) - positives;
  EXPECT_NEAR(negatives / negatives_before, 0.25, 0.08);
  EXPECT_NEAR(weight / static_cast<double>(all->training_rows), 1, 0.2);
  EXPECT_EQ(made->held_out_rows, all->held_out_rows) << "what is measured stays whole";
}

TEST_F(LoggedWorld, AShardIsAStretchOfTime) {
  play(500, nullptr);
  ExamplesConfig config;
  config.shard_rows = 1000;
  config.position = "feature";
  const auto made = make(config);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->training.size(), 3u);
  size_t rows = 0;
  for (const Path& path : made->training) {
    const auto examples = Examples::open(path);
    ASSERT_TRUE(examples);
    EXPECT_EQ(examples->schema().ids.back().name, "position");
    EXPECT_TRUE(examples->schema().ids.back().of_request);
    EXPECT_EQ(examples->ids(examples->schema().ids.size() - 1, 3)[0], 4u) << "places count from 1";
    rows += examples->rows();
  }
  EXPECT_EQ(rows, made->training_rows);
}

TEST_F(LoggedWorld, PlacesThatAreLookedAtLessCountMore) {
  // Every second slate is randomized; the third place on is looked at half as often.
  play(600, nullptr, /*randomized=*/true);
  ExamplesConfig config;
  const auto naive = make(config);
  ASSERT_TRUE(naive) << naive.error().message;
  std::filesystem::remove_all(out_);
  std::filesystem::create_directories(out_);
  config.position = "examination";
  config.response_weights = true;
  const auto made = make(config);
  ASSERT_TRUE(made) << made.error().message;
  const auto& thetas = made->corrections.examination;
  ASSERT_EQ(thetas.size(), kSlate);
  EXPECT_EQ(thetas[0], 1);
  EXPECT_NEAR(thetas[1], 1, 0.25);
  EXPECT_NEAR(thetas[3], 0.5, 0.2);
  EXPECT_GT(made->corrections.effective_rows, 0);
  EXPECT_LE(made->corrections.effective_rows,
            static_cast<double>(made->corrections.production_rows));
  EXPECT_EQ(made->training_rows, naive->training_rows);
  EXPECT_EQ(made->positives, naive->positives);
  const auto examples = Examples::open(made->training.front());
  ASSERT_TRUE(examples);
  float greatest = 0;
  for (const float label : examples->label(0)) greatest = std::max(greatest, label);
  EXPECT_NEAR(greatest, 1 / *std::ranges::min_element(thetas), 1e-4);
}

TEST_F(LoggedWorld, ACorrectionWithoutWhatItNeedsSaysSo) {
  play(100, nullptr);
  ExamplesConfig config;
  config.position = "examination";
  EXPECT_THAT(error_of(make(config)), HasSubstr("examples.position = \"examination\""));
  config.position = "ignore";
  config.response_weights = true;
  EXPECT_THAT(error_of(make(config)), HasSubstr("examples.response_weights"));
}

TEST_F(LoggedWorld, WhatCannotBeMadeIsSaid) {
  EXPECT_THAT(error_of(make({})), HasSubstr("the log has no impressions"));
  play(3, nullptr);
  ExamplesConfig config;
  config.objectives = {"click:100d"};
  EXPECT_THAT(error_of(make(config)), HasSubstr("wait for their window to end"));
  play(100, nullptr);
  config.objectives = {"purchase:1h"};
  EXPECT_THAT(error_of(make(config)), HasSubstr("followed by 'purchase'"));
  config.objectives = {"click:1h"};
  config.features = {"item_cuont:click:1d"};
  EXPECT_THAT(error_of(make(config)), HasSubstr("there is no feature 'item_cuont'"));
}

}  // namespace
}  // namespace palate
