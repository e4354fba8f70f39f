#include "dataset/dataset.h"

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "events/block.h"
#include "events/memory_log_for_test.h"
#include "ids/perfect_hash.h"
#include "lake/compaction.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

struct Said {
  std::string user, item, type;
  double value = kNoValue;
};

class DatasetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            fmt::format("palate-dataset-{}-{}", ::getpid(), test->name());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void log_items(const std::vector<std::string>& ids) {
    std::vector<ItemRecord> records(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) records[i].id = ids[i];
    append(Stream::kItems, encode_items(records));
  }
  // Events of one partition, `rows_each` to a block, one second apart.
  void log_events(const std::vector<Said>& said, size_t rows_each = 3, uint32_t partition = 0) {
    std::vector<EventView> rows(said.size());
    for (size_t i = 0; i < said.size(); ++i) {
      rows[i].user = said[i].user;
      rows[i].item = said[i].item;
      rows[i].value = said[i].value;
      rows[i].type = types_.find(said[i].type).value();
      rows[i].ts.us = (1'000'000'000 + logged_++) * kSecondUs;
      rows[i].received = rows[i].ts;
    }
    for (size_t i = 0; i < rows.size(); i += rows_each) {
      const auto part = std::span(rows).subspan(i, std::min(rows_each, rows.size() - i));
      append(Stream::kEvents, encode_events(part, types_), partition);
    }
  }
  void append(Stream stream, const std::vector<EncodedBlock>& blocks, uint32_t partition = 0) {
    for (const auto& block : blocks) {
      const EventLog::Append one{stream, partition, block.count, block.bytes};
      ASSERT_TRUE(log_.append({&one, 1}).has_value());
    }
  }
  Result<Dataset> build(AsOf as_of = {}, size_t threads = 2) {
    ThreadPool pool(threads);
    return Dataset::build({&log_, &types_, &hash_, std::move(as_of)}, pool, {});
  }
  // Many users and items in a random but fixed order.
  void log_random(size_t events) {
    constexpr unsigned kSeed = 7;
    std::mt19937 random(kSeed);
    std::vector<std::string> items;
    for (int i = 0; i < 50; ++i) items.push_back(fmt::format("item-{}", i));
    log_items(items);
    const std::vector<std::string> kinds{"like", "rating", "impression", "dislike", "search"};
    std::vector<Said> said(events);
    for (auto& one : said) {
      one.user = fmt::format("user-{}", random() % 40);
      one.type = kinds[random() % kinds.size()];
      if (one.type != "search") one.item = items[random() % items.size()];
      if (one.type == "rating") one.value = static_cast<double>(1 + random() % 5);
    }
    log_events(said, 7);
    said_ = std::move(said);
  }

  Path root_;
  MemoryLog log_;
  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{KeyedHash::Key{1, 2, 3}, Tenant{}};
  int64_t logged_ = 0;
  std::vector<Said> said_;
};

TEST_F(DatasetTest, UsersAndItemsKeepTheOrderOfTheLog) {
  log_items({"b", "a", "never seen"});
  log_events({{"zoe", "a", "like"}, {"ann", "b", "like"}, {"zoe", "b", "dislike"}});
  const auto built = build();
  ASSERT_TRUE(built.has_value()) << built.error().message;
  EXPECT_EQ(built->users(), 2U);
  EXPECT_EQ(built->items(), 3U);
  EXPECT_EQ(built->interactions(), 3U);
  EXPECT_EQ(built->user_id({0}), hash_.user("zoe"));
  EXPECT_EQ(built->user_id({1}), hash_.user("ann"));
  const auto zoe = built->of({0});
  ASSERT_EQ(zoe.size(), 2U);
  EXPECT_EQ(zoe[0].item, ItemIx{1});
  EXPECT_EQ(zoe[0].offset, 0U);
  EXPECT_GT(zoe[0].preference, 0);
  EXPECT_EQ(zoe[1].item, ItemIx{0});
  EXPECT_EQ(zoe[1].offset, 2U);
  EXPECT_LT(zoe[1].preference, 0);
  EXPECT_EQ(zoe[1].ts.us, 1'000'000'002 * kSecondUs);
  EXPECT_EQ(built->event_types(), types_.fingerprint());
  EXPECT_EQ(built->as_of(), *log_.ends());
}

// The bytes of a saved dataset, without what names the moment it was saved at.
std::map<std::string, std::string> parts_of(const Dataset& dataset, const Path& path) {
  std::map<std::string, std::string> parts;
  EXPECT_TRUE(dataset.save(path));
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name != "manifest.json") parts[name] = *read_file(entry.path());
  }
  EXPECT_FALSE(parts.empty());
  return parts;
}

TEST_F(DatasetTest, TheLakeGivesTheSameBytesAsTheLog) {
  log_random(2'000);
  const lake::LakeDirectory lake(root_ / "lake");
  ThreadPool pool(2);
  ASSERT_TRUE(lake::compact(lake::source_of(log_, types_, hash_, {}), {lake, {}, pool}));
  const auto from_log = build();
  for (const size_t threads : {1U, 2U, 5U}) {
    ThreadPool readers(threads);
    const auto from_lake =
        Dataset::build({.lake = &lake, .types = &types_, .hash = &hash_}, readers, {});
    ASSERT_TRUE(from_lake) << from_lake.error().message;
    EXPECT_EQ(from_lake->as_of(), from_log->as_of());
    EXPECT_EQ(from_lake->dictionary_hash(), from_log->dictionary_hash());
    EXPECT_TRUE(parts_of(*from_lake, root_ / "a") == parts_of(*from_log, root_ / "b"));
    std::filesystem::remove_all(root_ / "a");
    std::filesystem::remove_all(root_ / "b");
  }
}

// The log says everything that was said, the lake each event once.
TEST_F(DatasetTest, TheLakeLeavesRepeatsAndForgottenUsersOut) {
  log_items({"a"});
  log_events({{"ann", "a", "like"}, {"bob", "a", "like"}});
  const lake::LakeDirectory lake(root_ / "lake");
  ThreadPool pool(1);
  logged_ = 0;  // the same times again
  log_events({{"ann", "a", "like"}});
  ASSERT_TRUE(lake::compact(lake::source_of(log_, types_, hash_, {}), {lake, {}, pool}));
  ASSERT_TRUE(lake.forget(hash_.user("bob")));
  const auto built = Dataset::build({.lake = &lake, .types = &types_, .hash = &hash_}, pool, {});
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->interactions(), 1U);
  EXPECT_EQ(built->find_user(hash_.user("bob")), std::nullopt);
  EXPECT_EQ(build()->interactions(), 3U);
}

// The plain twin: events one by one into a map.
TEST_F(DatasetTest, EqualsAPlainPassOverTheLog) {
  log_random(2'000);
  const auto built = build();
  ASSERT_TRUE(built.has_value()) << built.error().message;
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::pair<uint64_t, Said>>> by_user;
  size_t rows = 0;
  for (size_t offset = 0; offset < said_.size(); ++offset) {
    const auto& said = said_[offset];
    const bool rating = said.type == "rating";  // three stars, too
    if (said.item.empty()) continue;
    if (!rating && types_.preference(*types_.find(said.type), said.value) == 0) continue;
    if (!by_user.contains(said.user)) order.push_back(said.user);
    by_user[said.user].push_back({offset, said});
    ++rows;
  }
  ASSERT_EQ(built->users(), order.size());
  EXPECT_EQ(built->interactions(), rows);
  for (uint32_t user = 0; user < order.size(); ++user) {
    EXPECT_EQ(built->user_id({user}), hash_.user(order[user]));
    const auto mine = built->of({user});
    const auto& expected = by_user[order[user]];
    ASSERT_EQ(mine.size(), expected.size());
    for (size_t i = 0; i < mine.size(); ++i) {
      const auto& [offset, said] = expected[i];
      EXPECT_EQ(mine[i].offset, offset);
      EXPECT_EQ(fmt::format("item-{}", mine[i].item.value), said.item);
      EXPECT_EQ(mine[i].type, *types_.find(said.type));
      EXPECT_EQ(mine[i].preference, types_.preference(mine[i].type, said.value));
      EXPECT_EQ(std::isnan(mine[i].value), std::isnan(said.value));
    }
  }
}

TEST_F(DatasetTest, EventsAtOrAfterAsOfAreNotSeen) {
  log_items({"a"});
  const std::vector<Said> likes(10, {"ann", "a", "like"});
  log_events(likes, 4);  // blocks 0–3, 4–7, 8–9
  for (uint64_t end = 0; end <= likes.size(); ++end) {
    const AsOf as_of{{Stream::kEvents, 0, end}, {Stream::kItems, 0, 1}};
    const auto built = build(as_of);
    ASSERT_TRUE(built.has_value()) << built.error().message;
    EXPECT_EQ(built->interactions(), end);
    EXPECT_EQ(built->as_of(), as_of);
  }
}

TEST_F(DatasetTest, ItemsAfterAsOfAreNotSeen) {
  log_items({"a", "b", "c"});
  log_items({"b", "d"});
  log_events({{"ann", "d", "like"}});
  const auto two = build({{Stream::kItems, 0, 2}});
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(two->items(), 2U);
  EXPECT_EQ(two->interactions(), 0U) << "a stream that as_of does not name has not been seen";
  const auto all = build();
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->items(), 4U);
  EXPECT_EQ(all->of({0})[0].item, ItemIx{3});
  EXPECT_NE(all->dictionary_hash(), two->dictionary_hash());
  const auto early = build({{Stream::kEvents, 0, 1}, {Stream::kItems, 0, 2}});
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code, Code::kInvalidArgument);
  EXPECT_THAT(early.error().message, HasSubstr("'d'"));
}

TEST_F(DatasetTest, AsOfBehindTheEndOrTwiceIsRefused) {
  log_items({"a"});
  const auto behind = build({{Stream::kItems, 0, 2}});
  ASSERT_FALSE(behind.has_value());
  EXPECT_EQ(behind.error().code, Code::kInvalidArgument);
  EXPECT_THAT(behind.error().message, HasSubstr("items/0@2"));
  EXPECT_EQ(build({{Stream::kItems, 0, 1}, {Stream::kItems, 0, 0}}).error().code,
            Code::kInvalidArgument);
}

TEST_F(DatasetTest, TypesThatAreNotKnownAnyMoreSayNothing) {
  EventTypes more = EventTypes::defaults();
  ASSERT_TRUE(more.declare({"applause", Role::kPositive, 2.0, {}, {}}).has_value());
  EventTypes before = std::exchange(types_, more);
  log_items({"a"});
  log_events({{"ann", "a", "applause"}, {"ann", "a", "like"}});
  EXPECT_EQ(build()->interactions(), 2U);
  types_ = before;
  EXPECT_EQ(build()->interactions(), 1U);
}

TEST_F(DatasetTest, AUserInTwoPartitionsIsRefused) {
  log_items({"a"});
  log_events({{"ann", "a", "like"}, {"ben", "a", "like"}, {"ann", "a", "like"}});
  log_events({{"eve", "a", "like"}}, 3, 1);
  EXPECT_EQ(build()->users(), 3U);
  log_events({{"ann", "a", "like"}}, 3, 1);
  EXPECT_EQ(build().error().code, Code::kCorrupt);
}

TEST_F(DatasetTest, ABrokenBlockIsRefused) {
  log_items({"a"});
  log_events({{"ann", "a", "like"}});
  append(Stream::kEvents, {{"this is no block", 1}});
  const auto built = build();
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code, Code::kCorrupt);
}

TEST_F(DatasetTest, StoppingLeavesWithCancelled) {
  log_random(100);
  std::stop_source source;
  source.request_stop();
  ThreadPool pool(2);
  const auto built = Dataset::build({&log_, &types_, &hash_, {}}, pool, source.get_token());
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code, Code::kCancelled);
}

TEST_F(DatasetTest, AnEmptyLogGivesAnEmptyDataset) {
  const auto built = build();
  ASSERT_TRUE(built.has_value());
  EXPECT_EQ(built->users(), 0U);
  EXPECT_EQ(built->interactions(), 0U);
  ASSERT_TRUE(built->save(root_ / "empty").has_value());
  EXPECT_TRUE(Dataset::open(root_ / "empty").has_value());
}

std::string bytes_of(const Path& artefact) {
  std::string all;
  for (const char* file : {"manifest.json", "tensors.safetensors", "items.dictionary"}) {
    all += read_file(artefact / file).value();
  }
  return all;
}

TEST_F(DatasetTest, WhatIsSavedIsOpenedAndTheSameLogGivesTheSameBytes) {
  log_random(3'000);
  const auto built = build();
  ASSERT_TRUE(built && built->save(root_ / "one"));
  ASSERT_TRUE(build({}, 1)->save(root_ / "two").has_value());
  EXPECT_EQ(bytes_of(root_ / "one"), bytes_of(root_ / "two"));
  const auto opened = Dataset::open(root_ / "one");
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_EQ(opened->items(), built->items());
  EXPECT_EQ(opened->as_of(), built->as_of());
  EXPECT_EQ(opened->time(), built->time());
  EXPECT_EQ(opened->event_types(), built->event_types());
  EXPECT_EQ(opened->dictionary_hash(), built->dictionary_hash());
  ASSERT_EQ(opened->users(), built->users());
  for (uint32_t user = 0; user < built->users(); ++user) {
    EXPECT_EQ(opened->user_id({user}), built->user_id({user}));
    const auto a = opened->of({user}), b = built->of({user});
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
  }
  EXPECT_EQ(DatasetView(*opened).seen(), DatasetView(*built).seen());
}

TEST_F(DatasetTest, UsersAndItemsAreFoundByTheirIdsInMemoryAndInTheFile) {
  log_random(3'000);
  const auto built = build();
  ASSERT_TRUE(built && built->save(root_ / "saved"));
  const auto opened = Dataset::open(root_ / "saved");
  ASSERT_TRUE(opened) << opened.error().message;
  for (const Dataset& dataset : {*built, *opened}) {
    for (uint32_t user = 0; user < dataset.users(); ++user) {
      EXPECT_EQ(dataset.find_user(dataset.user_id({user})), UserIx{user});
    }
    EXPECT_EQ(dataset.find_user(hash_.user("nobody")), std::nullopt);
    ASSERT_TRUE(dataset.has_item_names());
    for (uint32_t item = 0; item < dataset.items(); ++item) {
      EXPECT_EQ(dataset.find_item(*dataset.item_name({item})), ItemIx{item});
    }
    EXPECT_EQ(dataset.find_item("no such item"), std::nullopt);
  }
  const auto rows = Dataset::from_rows(1, {0, 0, 0}, {}, TimeKind::kReal);
  EXPECT_EQ(rows.find_user({{1, 0}}), UserIx{1});
  EXPECT_EQ(rows.find_user({{2, 0}}), std::nullopt);
  EXPECT_FALSE(rows.has_item_names());
  EXPECT_EQ(rows.item_name({0}).error().code, Code::kNotFound);
  ASSERT_TRUE(rows.save(root_ / "rows"));
  EXPECT_FALSE(Dataset::open(root_ / "rows")->has_item_names());
}

// A dataset file whose checksums are good and whose content is not.
class DatasetFileTest : public DatasetTest {
 protected:
  Code opened_with(const std::string& name, const std::function<void(ArtefactWriter&)>& change) {
    auto writer = ArtefactWriter::create(root_ / name);
    EXPECT_TRUE(writer.has_value());
    auto& manifest = writer->manifest;
    manifest.kind = "dataset";
    manifest.items = 2;
    manifest.event_types = "0123456789abcdef";
    manifest.details_json = R"({"dataset_format":1,"users":1,"interactions":2,"time":"real"})";
    start_ = {0, 2};
    rows_ = {{{0}, {1}, false, 0, 1, {5}, 0}, {{1}, {1}, false, 0, 1, {6}, 1}};
    change(*writer);
    writer->add<uint64_t>("row_start", {start_.size()}, start_);
    writer->add("rows", DType::kU8, {rows_.size(), 32}, std::as_bytes(std::span(rows_)));
    writer->add<uint64_t>("user_ids", {1, 2}, user_ids_);
    if (!user_hash_.empty()) {
      writer->add<uint64_t>("user_hash", {user_hash_.size()}, user_hash_);
      writer->add<uint32_t>("user_order", {user_order_.size()}, user_order_);
    }
    EXPECT_TRUE(writer->commit().has_value());
    const auto opened = Dataset::open(root_ / name);
    return opened ? Code::kInternal : opened.error().code;
  }
  std::vector<uint64_t> start_, user_ids_{7, 8}, user_hash_;
  std::vector<uint32_t> user_order_{0};
  std::vector<HistoryEntry> rows_;
};

TEST_F(DatasetFileTest, ContentThatDoesNotFitIsRefused) {
  EXPECT_EQ(opened_with("good", [](auto&) {}), Code::kInternal) << "opens without an error";
  const auto second = [](ArtefactWriter& out) {
    out.manifest.details_json = R"({"dataset_format":2,"users":1,"interactions":2,"time":"real"})";
  };
  EXPECT_EQ(opened_with("no dictionary", second), Code::kCorrupt);
  ThreadPool pool(1);
  const auto hash = PerfectHash::build(std::vector<uint64_t>{1}, pool).value();
  user_hash_.assign(hash.words().begin(), hash.words().end());
  EXPECT_EQ(opened_with("second", second), Code::kInternal) << "opens without an error";
  EXPECT_EQ(opened_with("words", [&](auto& out) { second(out), ++user_hash_[2]; }), Code::kCorrupt);
  --user_hash_[2];
  EXPECT_EQ(opened_with("order", [&](auto& out) { second(out), user_order_ = {0, 0}; }),
            Code::kCorrupt);
  user_hash_.clear();
  EXPECT_EQ(opened_with("kind", [](auto& out) { out.manifest.kind = "als"; }),
            Code::kInvalidArgument);
  EXPECT_EQ(opened_with("newer",
                        [](auto& out) { out.manifest.details_json = R"({"dataset_format":3})"; }),
            Code::kUnsupportedVersion);
  EXPECT_EQ(opened_with("details", [](auto& out) { out.manifest.details_json = "{}"; }),
            Code::kCorrupt);
  EXPECT_EQ(opened_with("types", [](auto& out) { out.manifest.event_types = "x"; }),
            Code::kCorrupt);
  EXPECT_EQ(opened_with("item", [&](auto&) { rows_[1].item = {2}; }), Code::kCorrupt);
  EXPECT_EQ(opened_with("end", [&](auto&) { start_ = {0, 3}; }), Code::kCorrupt);
  EXPECT_EQ(opened_with("users", [&](auto&) { start_ = {0, 1, 2}; }), Code::kCorrupt);
  EXPECT_EQ(opened_with("rows", [&](auto&) { rows_.pop_back(); }), Code::kCorrupt);
  EXPECT_EQ(Dataset::open(root_ / "absent").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace palate
