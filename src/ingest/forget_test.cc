#include "ingest/forget.h"

#include <fstream>
#include <future>

#include <gmock/gmock.h>

#include "events/block.h"
#include "events/quarantine.h"
#include "ids/pseudonym.h"
#include "ingest/directory_for_test.h"
#include "ingest/retention.h"

namespace palate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kGeorge = "george-the-forgotten";

struct ForgetTest : testing::Test {
  TemporaryFolder folder;
  EventTypes types = EventTypes::defaults();
  RetentionConfig retention;
  std::unique_ptr<DataDirectory> directory;
  std::vector<UserId> told;  // whoever else knows users
  Status elsewhere;

  void SetUp() override { reopen(); }
  Status try_to_open() {
    directory.reset();
    DataDirectoryOptions options{.data = folder.path(), .tenant = {}, .mode = OpenMode::kWriter};
    options.retention = retention;
    options.forget_elsewhere = [this](const UserId& user, const AsOf&) {
      told.push_back(user);
      return elsewhere;
    };
    directory = TRY(DataDirectory::open(options, types));
    return {};
  }
  void reopen() {
    const Status opened = try_to_open();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  // Types stand still while a directory is open: its threads read them.
  void close_and_declare(const std::string& name) {
    directory.reset();
    EventType own;
    own.name = name;
    ASSERT_TRUE(types.declare(own));
  }
  void like_some(const std::string& user, uint64_t from, uint64_t count) {
    for (uint64_t i = from; i < from + count; ++i) {
      ASSERT_TRUE(directory->ingest().write_events(like(types, user, "book", i)));
    }
  }
  size_t history_of(const std::string& user) {
    const auto state = directory->state().user(user);
    return state && *state ? (*state)->history.size() : 0;
  }
  // Logs that something was answered to `user`; whether it was taken.
  bool answered(const std::string& id, const std::string& user, TimeUs made = now()) {
    const std::string json =
        fmt::format(R"({{"request_id":"{}","user":"{}","made":{}}})", id, user, made.us);
    std::promise<Result<IngestReceipt>> done;
    EXPECT_TRUE(directory->ingest().submit_decisions(
        {*decision_from_json(json)},
        [&](Result<IngestReceipt> receipt) { done.set_value(std::move(receipt)); }));
    const auto receipt = done.get_future().get();
    EXPECT_TRUE(receipt);
    return receipt->accepted == 1;
  }
  [[nodiscard]] std::vector<std::string> answers() const {
    std::vector<std::string> ids;
    EXPECT_TRUE(directory->log().read(
        {Stream::kDecisions, 0, 0}, [&](const EventLog::Block& block) -> Status {
          for (const DecisionRecord& one : TRY(decode_decisions(block.bytes))) {
            ids.push_back(one.id);
          }
          return {};
        }));
    return ids;
  }
  [[nodiscard]] std::vector<std::string> files_with(std::string_view text) const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      if (!entry.is_regular_file()) continue;
      if (read_file(entry.path()).value_or("").contains(text)) files.push_back(entry.path());
    }
    return files;
  }
};

TEST_F(ForgetTest, AtOnceNothingIsKnownAndSoonNoFileHoldsAnything) {
  like_some("ann", 0, 2);
  like_some(kGeorge, 10, 3);
  UserRecord profile;
  profile.id = kGeorge;
  profile.attributes["street"] = "a-street-nobody-else-lives-in";
  ASSERT_TRUE(directory->ingest().write_users({profile}));
  {
    Quarantine quarantine({.folder = directory->root() / "quarantine", .source = "test"});
    ASSERT_TRUE(quarantine.add({.file = "f",
                                .line = 1,
                                .reason = Reason::kUnknownType,
                                .sentence = {},
                                .bytes = R"({"user":"george-the-forgotten"})"}));
    ASSERT_TRUE(quarantine.add({.file = "f",
                                .line = 2,
                                .reason = Reason::kUnknownType,
                                .sentence = {},
                                .bytes = R"({"user":"ann"})"}));
    ASSERT_TRUE(quarantine.finish());
  }
  ASSERT_TRUE(directory->state().flush());
  const auto receipt = directory->ingest().write_forget({kGeorge});
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(*directory->state().user(kGeorge), nullptr);
  EXPECT_EQ(history_of("ann"), 2u);
  EXPECT_EQ(directory->forgetting().pending().users, 1u);
  EXPECT_THAT(told, testing::ElementsAre(directory->hash().user(kGeorge)));
  EXPECT_THAT(files_with(kGeorge), testing::Not(IsEmpty())) << "hidden, and not gone yet";

  const auto swept = directory->forgetting().sweep({});
  ASSERT_TRUE(swept) << swept.error().message;
  EXPECT_EQ(swept->events, 3u);
  EXPECT_EQ(swept->records, 1u);
  EXPECT_EQ(swept->quarantined, 1u);
  EXPECT_EQ(directory->forgetting().pending().users, 0u);
  for (const std::string_view text :
       {std::string_view(kGeorge), std::string_view("a-street-nobody-else-lives-in")}) {
    EXPECT_THAT(files_with(text), IsEmpty()) << text;
  }
  const auto records = *directory->forgetting().records();
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].digest, digest_of(directory->hash().user(kGeorge)));
  EXPECT_EQ(records[0].events, 3u);
  EXPECT_FALSE(records[0].gone.empty());
  reopen();
  EXPECT_EQ(*directory->state().user(kGeorge), nullptr);
  EXPECT_EQ(history_of("ann"), 2u);
}

TEST_F(ForgetTest, WhoComesBackIsANewUser) {
  like_some(kGeorge, 0, 3);
  ASSERT_TRUE(directory->ingest().write_forget({kGeorge}));
  like_some(kGeorge, 10, 2);
  EXPECT_EQ(history_of(kGeorge), 2u);
  reopen();
  EXPECT_EQ(history_of(kGeorge), 2u);
  ASSERT_TRUE(directory->forgetting().sweep({}));
  reopen();
  EXPECT_EQ(history_of(kGeorge), 2u);
}

TEST_F(ForgetTest, StateFoldedAnewDoesNotHaveThem) {
  like_some("ann", 0, 2);
  like_some(kGeorge, 10, 3);
  ASSERT_TRUE(directory->ingest().write_forget({kGeorge}));
  close_and_declare("tasted");  // types have changed: everything is folded from the log
  reopen();
  EXPECT_EQ(*directory->state().user(kGeorge), nullptr) << "hidden";
  ASSERT_TRUE(directory->forgetting().sweep({}));
  close_and_declare("smelled");
  reopen();
  EXPECT_EQ(*directory->state().user(kGeorge), nullptr) << "gone";
  EXPECT_EQ(history_of("ann"), 2u);
}

TEST_F(ForgetTest, WhatACrashHasInterruptedIsFinishedByTheNextStart) {
  like_some(kGeorge, 0, 3);
  ASSERT_TRUE(directory->state().flush());
  elsewhere = fail(Code::kIo, "the lake cannot be written");
  EXPECT_EQ(directory->ingest().write_forget({kGeorge}).error().code, Code::kIo);
  EXPECT_EQ(history_of(kGeorge), 3u);
  EXPECT_EQ(try_to_open().error().code, Code::kIo) << "it is still owed";
  elsewhere = {};
  told.clear();
  reopen();
  EXPECT_THAT(told, SizeIs(1));
  EXPECT_EQ(history_of(kGeorge), 0u);
  told.clear();
  reopen();
  EXPECT_THAT(told, IsEmpty()) << "once";
}

TEST_F(ForgetTest, WhoseStateCouldNotBeDroppedIsNotRecordedAsGone) {
  like_some(kGeorge, 0, 3);
  elsewhere = fail(Code::kIo, "the lake cannot be written");
  like_some("ann", 10, 1);
  EXPECT_EQ(directory->ingest().write_forget({kGeorge}).error().code, Code::kIo);
  EXPECT_EQ(directory->forgetting().sweep({})->users, 0u);
  EXPECT_EQ(directory->forgetting().pending().with_state, 1u);
  EXPECT_THAT(*directory->forgetting().records(), SizeIs(1));
  EXPECT_TRUE(directory->forgetting().records()->front().gone.empty());
  like_some(kGeorge, 20, 2);  // meanwhile
  elsewhere = {};
  ASSERT_TRUE(directory->ingest().write_forget({}));  // what Upkeep does
  EXPECT_EQ(history_of(kGeorge), 0u);
  EXPECT_EQ(directory->forgetting().sweep({})->events, 5u) << "state and log say the same";
  reopen();
  EXPECT_EQ(history_of(kGeorge), 0u);
}

TEST_F(ForgetTest, AnInterruptedSweepIsFinishedByTheNext) {
  like_some(kGeorge, 0, 3);
  ASSERT_TRUE(directory->state().flush());
  ASSERT_TRUE(directory->ingest().write_forget({kGeorge}));
  // A file in the way of the quarantine's part, behind that of the log.
  const Path quarantine = directory->root() / "quarantine";
  std::ofstream(quarantine).put('x');
  EXPECT_FALSE(directory->forgetting().sweep({}));
  EXPECT_EQ(directory->forgetting().pending().users, 1u);
  std::filesystem::remove(quarantine);
  ASSERT_TRUE(directory->forgetting().sweep({}));
  EXPECT_EQ(directory->forgetting().pending().users, 0u);
  EXPECT_THAT(files_with(kGeorge), IsEmpty());
}

TEST_F(ForgetTest, AnErrorOfForgettingIsNobodyElsesAnswer) {
  like_some(kGeorge, 0, 3);
  elsewhere = fail(Code::kIo, "the lake cannot be written");
  // Together in one group, or one after the other.
  std::promise<Result<IngestReceipt>> forgotten, written;
  Ingest& ingest = directory->ingest();
  ASSERT_TRUE(ingest.submit_forget({kGeorge}, [&](auto receipt) { forgotten.set_value(receipt); }));
  ASSERT_TRUE(ingest.submit_events(like(types, "ann", "book", 50),
                                   [&](auto receipt) { written.set_value(receipt); }));
  EXPECT_FALSE(forgotten.get_future().get());
  EXPECT_TRUE(written.get_future().get());
}

TEST_F(ForgetTest, AReaderBesideTheWriterHidesThem) {
  like_some(kGeorge, 0, 3);
  like_some("ann", 10, 1);
  auto reader = open_directory(folder.path(), types, OpenMode::kReader);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(directory->ingest().write_forget({kGeorge}));
  ASSERT_TRUE((*reader)->refresh());
  std::vector<std::string> users;
  ASSERT_TRUE((*reader)->log().read({}, [&](const EventLog::Block& block) -> Status {
    for (const auto& row : TRY(decode_events(block.bytes, types)).rows)
      users.emplace_back(row.user);
    return {};
  }));
  EXPECT_THAT(users, testing::ElementsAre("", "", "", "ann"));
}

TEST_F(ForgetTest, WhatWasAnsweredGoesAlong) {
  const TimeUs before = now();
  EXPECT_TRUE(answered("first", kGeorge));
  EXPECT_TRUE(answered("second", "ann"));
  ASSERT_TRUE(directory->state().flush());
  ASSERT_TRUE(directory->ingest().write_forget({kGeorge}));
  EXPECT_THAT(answers(), testing::ElementsAre("", "second")) << "hidden at once";
  EXPECT_FALSE(answered("late", kGeorge, before)) << "made before, on its way meanwhile";
  EXPECT_TRUE(answered("back", kGeorge));
  ASSERT_TRUE(directory->forgetting().sweep({}));
  EXPECT_THAT(answers(), testing::ElementsAre("", "second", "back"));
  reopen();
  EXPECT_THAT(answers(), testing::ElementsAre("", "second", "back"));
  EXPECT_TRUE(answered("next", "ann"));
}

// ---- retention ------------------------------------------------------------------------------

struct RetentionTest : ForgetTest {
  // One block each, received at the second of its number (directory_for_test.h): years ago.
  void fill(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) like_some("ann", i, 1);
  }
};

TEST_F(RetentionTest, OldEventsGoAndWhatTheyTaughtStays) {
  retention.log_days = 1;
  reopen();
  fill(5);
  EXPECT_EQ(directory->trim_log(3, {})->blocks, 3u) << "the lake has read three";
  EXPECT_EQ(directory->trim_log(100, {})->blocks, 1u) << "the newest stays";
  EXPECT_EQ(directory->trim_log(100, {})->blocks, 0u);
  reopen();
  EXPECT_EQ(history_of("ann"), 5u);
  like_some("ann", 5, 1);
  EXPECT_EQ(history_of("ann"), 6u);
  EXPECT_EQ(directory->ingest().write_events(like(types, "ann", "book", 5))->duplicates, 1u);
}

TEST_F(RetentionTest, NothingGoesByDefaultNorWhatIsYoung) {
  fill(3);
  EXPECT_EQ(directory->trim_log(100, {})->blocks, 0u);
  retention.log_days = 36'500;
  reopen();
  EXPECT_EQ(directory->trim_log(100, {})->blocks, 0u);
}

TEST_F(RetentionTest, TheLargestLogIsKeptToItsSize) {
  retention.log_gib = 1e-9;  // a byte
  reopen();
  fill(4);
  EXPECT_EQ(directory->trim_log(100, {})->blocks, 3u);
}

TEST_F(RetentionTest, OldAnswersGoAndEventsStay) {
  fill(3);
  const TimeUs old{now().us - 31 * kDayUs};
  for (const char* id : {"a", "b"}) answered(id, "ann", old);
  for (const char* id : {"c", "d"}) answered(id, "ann");
  EXPECT_EQ(directory->trim_log(100, {})->blocks, 2u) << "after thirty days, by default";
  EXPECT_THAT(answers(), testing::ElementsAre("c", "d"));
  retention.decisions_gib = 1e-9;
  reopen();
  EXPECT_EQ(directory->trim_log(100, {})->blocks, 1u) << "the newest stays";
  EXPECT_THAT(answers(), testing::ElementsAre("d"));
  reopen();
  EXPECT_THAT(answers(), testing::ElementsAre("d"));
  EXPECT_EQ(history_of("ann"), 3u);
}

TEST_F(RetentionTest, StateIsNotFoldedAnewFromARestUnlessThatIsSaid) {
  retention.log_days = 1;
  reopen();
  fill(5);
  ASSERT_TRUE(directory->trim_log(100, {}));
  close_and_declare("tasted");
  const Status refused = try_to_open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("retention.rebuild_from_kept"));
  types = EventTypes::defaults();
  reopen();
  EXPECT_EQ(history_of("ann"), 5u) << "refusing has dropped nothing";
  close_and_declare("tasted");
  retention.rebuild_from_kept = true;
  reopen();
  EXPECT_EQ(history_of("ann"), 1u);
}

}  // namespace
}  // namespace palate
