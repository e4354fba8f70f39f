#include "ingest/ingest.h"

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "events/block.h"
#include "ingest/directory_for_test.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

struct IngestTest : testing::Test {
  TemporaryFolder folder;
  EventTypes types = EventTypes::defaults();
  std::unique_ptr<DataDirectory> directory;

  void SetUp() override { reopen(); }
  void reopen() {
    directory.reset();
    auto opened = open_directory(folder.path(), types);
    ASSERT_TRUE(opened) << opened.error().message;
    directory = std::move(*opened);
  }
  IngestReceipt write(EventBatch batch) {
    const auto receipt = directory->ingest().write_events(std::move(batch));
    EXPECT_TRUE(receipt) << receipt.error().message;
    return receipt.value_or(IngestReceipt{});
  }
  std::vector<std::string> logged_ids() {
    std::vector<std::string> ids;
    EXPECT_TRUE(
        directory->log().read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
          const auto batch = TRY(decode_events(block.bytes, types));
          for (const auto& row : batch.rows) {
            ids.emplace_back(row.event_id);
          }
          return {};
        }));
    return ids;
  }
};

TEST_F(IngestTest, WhatIsAcknowledgedIsInTheNextAnswer) {
  const IngestReceipt receipt = write(like(types, "ann", "book", 1));
  EXPECT_EQ(receipt.accepted, 1u);
  EXPECT_THAT(receipt.ends, ElementsAre(Position{Stream::kEvents, 0, 1}));
  EXPECT_TRUE(covers(directory->ingest().folded(), receipt.ends));
  const auto ann = *directory->state().user("ann");
  ASSERT_TRUE(ann);
  EXPECT_THAT(ann->history, SizeIs(1));
  EXPECT_EQ(directory->state().catalogue().view().name(ann->history[0].item), "book");
}

TEST_F(IngestTest, AnEventCountsOnceAlsoAfterReopening) {
  EventBatch twice = like(types, "ann", "book", 1);
  append(twice, like(types, "ann", "book", 1));
  const IngestReceipt first = write(std::move(twice));
  EXPECT_EQ(first.accepted, 1u);
  EXPECT_EQ(first.duplicates, 1u);
  EXPECT_EQ(write(like(types, "ann", "book", 1)).duplicates, 1u);
  reopen();
  const IngestReceipt again = write(like(types, "ann", "book", 1));
  EXPECT_EQ(again.duplicates, 1u);
  EXPECT_EQ(again.ends.front().offset, 1u);
  EXPECT_THAT((*directory->state().user("ann"))->history, SizeIs(1));
}

// Reads, the writer and whoever writes behind, on a real store and with hardly any memory.
TEST_F(IngestTest, StatesAreWrittenBehindWhileTheyGrow) {
  constexpr uint64_t kUsers = 200, kRounds = 150;
  directory.reset();
  const auto name = [](uint64_t user) { return "user" + std::to_string(user); };
  directory = *DataDirectory::open({.data = folder.path(),
                                    .tenant = {},
                                    .mode = OpenMode::kWriter,
                                    .user_bytes_max = 128 << 10,
                                    .state_delay = std::chrono::milliseconds(1),
                                    .state_buffer_bytes = 64 << 10},
                                   types);
  std::atomic<bool> done = false;
  std::atomic<uint64_t> shrunk = 0;
  std::thread reader([&] {
    std::vector<size_t> seen(kUsers);
    for (uint64_t i = 0; !done; i += 3) {
      const auto state = *directory->state().user(name(i % kUsers));
      const size_t now = state == nullptr ? 0 : state->history.size();
      if (now < seen[i % kUsers]) ++shrunk;
      seen[i % kUsers] = now;
    }
  });
  for (uint64_t round = 0; round < kRounds; ++round) {
    EventBatch batch;
    for (uint64_t i = 0; i < 20; ++i) {
      const uint64_t number = round * 20 + i;
      append(batch,
             like(types, name(number * 7 % kUsers), "item" + std::to_string(number % 50), number));
    }
    write(std::move(batch));
  }
  done = true;
  reader.join();
  EXPECT_EQ(shrunk, 0u);
  directory.reset();
  directory = *open_directory(folder.path(), types, OpenMode::kStored);
  EXPECT_EQ(directory->state().as_of()[0].offset, kRounds * 20) << "closing writes everything";
  for (uint64_t user = 0; user < kUsers; ++user) {
    const auto state = *directory->state().user(name(user));
    ASSERT_NE(state, nullptr);
    EXPECT_THAT(state->history, SizeIs(kRounds * 20 / kUsers)) << user;
  }
}

TEST_F(IngestTest, ItemsAndStubsShareOneNumbering) {
  ItemRecord film;
  film.id = "film";
  film.titles[""] = "A film";
  ASSERT_TRUE(directory->ingest().write_items({film}));
  write(like(types, "ann", "book", 1));
  write(like(types, "ann", "film", 2));
  reopen();
  const auto view = directory->state().catalogue().view();
  EXPECT_EQ(view.find("film"), ItemIx{0});
  EXPECT_EQ(view.find("book"), ItemIx{1});
  EXPECT_EQ(view.record({0}).title(), "A film");
  EXPECT_FALSE(view.described({1}));
}

TEST_F(IngestTest, AnEventWithoutADeclaredTypeIsRefusedAtOnce) {
  EventBatch batch = like(types, "ann", "book", 1);
  batch.rows[0].type = {};
  const auto receipt = directory->ingest().write_events(std::move(batch));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code, Code::kInvalidArgument);
  EXPECT_THAT(logged_ids(), SizeIs(0));
}

TEST_F(IngestTest, ManyWritersEachEventOnce) {
  constexpr uint64_t kThreads = 4, kEach = 60;
  std::vector<std::thread> threads;
  std::atomic<uint64_t> accepted = 0;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < kEach; ++i) {
        // Every second event is sent by its neighbour too.
        const uint64_t number = i % 2 == 0 ? i * kThreads + t : i * kThreads + t / 2 * 2;
        const auto receipt = directory->ingest().write_events(like(
            types, "u" + std::to_string(number % 7), "i" + std::to_string(number % 11), number));
        if (receipt) accepted += receipt->accepted;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto ids = logged_ids();
  const std::set<std::string> distinct(ids.begin(), ids.end());
  EXPECT_EQ(ids.size(), distinct.size());
  EXPECT_EQ(accepted, distinct.size());
  EXPECT_EQ(distinct.size(), kThreads * kEach * 3 / 4);
}

TEST_F(IngestTest, DeferredEventsAreFoldedOnRequestOrAtTheNextOpening) {
  directory->ingest().defer_fold();
  write(like(types, "ann", "book", 1));
  EXPECT_EQ(*directory->state().user("ann"), nullptr);
  ASSERT_TRUE(directory->ingest().fold_deferred({}));
  EXPECT_NE(*directory->state().user("ann"), nullptr);
  write(like(types, "ann", "film", 2));
  EXPECT_THAT((*directory->state().user("ann"))->history, SizeIs(2));
  directory->ingest().defer_fold();
  write(like(types, "bob", "film", 3));
  reopen();
  EXPECT_NE(*directory->state().user("bob"), nullptr);
}

// What a follower of another stream hands over, waiting for its answer.
Result<IngestReceipt> follow(DataDirectory& to, EventBatch batch, Followed::Mark mark,
                             const EventTypes& types) {
  auto answer = std::make_shared<std::promise<Result<IngestReceipt>>>();
  Followed followed;
  followed.what = *prepare_events(std::move(batch), types, to.state().catalogue());
  followed.marks.push_back(std::move(mark));
  const Status queued = to.ingest().submit_followed(
      std::move(followed),
      [answer](Result<IngestReceipt> receipt) { answer->set_value(std::move(receipt)); });
  if (!queued) return std::unexpected(queued.error());
  return answer->get_future().get();
}

TEST_F(IngestTest, WhatIsFollowedIsLoggedWithItsPlaceAndInItsOrder) {
  const auto take = [&](EventBatch batch, uint64_t from, uint64_t to) {
    return follow(*directory, std::move(batch), {"t/0", from, to}, types);
  };
  ASSERT_TRUE(take(like(types, "ann", "book", 1), 0, 3));
  // What came before was not logged: this must not be either.
  const auto gap = take(like(types, "ann", "film", 2), 5, 6);
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, Code::kConflict);
  const auto again = take(like(types, "ann", "film", 2), 0, 3);
  ASSERT_FALSE(again);
  EXPECT_THAT((*directory->state().user("ann"))->history, SizeIs(1));
  // A repeat moves the place on and nothing else.
  EXPECT_EQ(take(like(types, "ann", "book", 1), 3, 4)->duplicates, 1U);
  EXPECT_EQ(take(like(types, "ann", "film", 2), 4, 9)->accepted, 1U);
  reopen();
  EXPECT_THAT(directory->ingest().marks(), ElementsAre(std::pair("t/0", 9)));
  EXPECT_TRUE(take(like(types, "ann", "song", 3), 9, 10));
  EXPECT_THAT((*directory->state().user("ann"))->history, SizeIs(3));
}

TEST(Intake, CoversIsPerStreamAndPartition) {
  const AsOf folded{{Stream::kEvents, 0, 10}, {Stream::kEvents, 3, 7}, {Stream::kUsers, 0, 1}};
  EXPECT_TRUE(covers(folded, {}));
  EXPECT_TRUE(covers(folded, {{Stream::kEvents, 3, 7}, {Stream::kEvents, 0, 2}}));
  EXPECT_TRUE(covers(folded, {{Stream::kItems, 0, 0}}));
  EXPECT_FALSE(covers(folded, {{Stream::kEvents, 3, 8}}));
  EXPECT_FALSE(covers(folded, {{Stream::kEvents, 0, 10}, {Stream::kEvents, 1, 1}}));
  EXPECT_FALSE(covers(folded, {{Stream::kItems, 0, 1}}));
}

// A log that refuses, or holds the writer up, when told to.
struct TestLog : EventLog {
  explicit TestLog(EventLog& log) : under(log) {}
  Result<std::vector<Position>> append(std::span<const Append> blocks) override {
    while (held) std::this_thread::yield();
    if (full) return fail(Code::kNoSpace, "the test's disk is full");
    return under.append(blocks);
  }
  Status read(Position from, const std::function<Status(const Block&)>& visit) const override {
    return under.read(from, visit);
  }
  [[nodiscard]] Result<AsOf> ends() const override { return under.ends(); }
  EventLog& under;
  std::atomic<bool> full = false, held = false;
};

TEST_F(IngestTest, WhenTheLogRefusesNothingHappenedAndARetryCounts) {
  // Its own ingest beside the directory's, which stays idle.
  TestLog log(directory->log());
  auto ingest =
      *Ingest::start({.log = &log, .state = &directory->state(), .types = &types, .options = {}});
  log.full = true;
  const auto refused = ingest->write_events(like(types, "ann", "book", 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNoSpace);
  EXPECT_EQ(*directory->state().user("ann"), nullptr);
  EXPECT_EQ(directory->state().catalogue().view().size(), 0u);
  log.full = false;
  const auto retried = ingest->write_events(like(types, "ann", "book", 1));
  ASSERT_TRUE(retried);
  EXPECT_EQ(retried->accepted, 1u);
}

TEST_F(IngestTest, AFullQueueSaysSoAndEverythingQueuedIsAnswered) {
  TestLog log(directory->log());
  auto ingest = *Ingest::start({.log = &log,
                                .state = &directory->state(),
                                .types = &types,
                                .options = {.queue_events_max = 3}});
  log.held = true;
  std::atomic<int> answered = 0;
  int queued = 0;
  Status last;
  for (uint64_t i = 0; i < 10 && last; ++i) {
    last = ingest->submit_events(like(types, "ann", "book", i),
                                 [&](const Result<IngestReceipt>& r) { answered += r ? 1 : 0; });
    queued += last ? 1 : 0;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Code::kOverloaded);
  EXPECT_EQ(queued, 3);
  EXPECT_EQ(ingest->queued_events(), 3u);
  log.held = false;
  ingest.reset();
  EXPECT_EQ(answered, 3) << "closing commits what is queued";
}

TEST_F(IngestTest, ASecondWriterIsRefusedWithTheFirstOnesProcess) {
  const auto second = open_directory(folder.path(), types);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(getpid())));
}

TEST_F(IngestTest, AReaderBesideTheWriterFollowsIt) {
  write(like(types, "ann", "book", 1));
  auto reader = open_directory(folder.path(), types, OpenMode::kReader);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_NE(*(*reader)->state().user("ann"), nullptr);
  write(like(types, "bob", "film", 2));
  ASSERT_TRUE((*reader)->refresh());
  EXPECT_NE(*(*reader)->state().user("bob"), nullptr);
  EXPECT_EQ((*reader)->state().catalogue().view().size(), 2u);
  EXPECT_EQ((*reader)->state().as_of(), directory->state().as_of());
}

TEST(DataDirectory, SaysWhatIsNotThereOrTooNew) {
  TemporaryFolder folder;
  const EventTypes types = EventTypes::defaults();
  const auto missing = open_directory(folder.path(), types, OpenMode::kReader);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  ASSERT_TRUE(open_directory(folder.path(), types));
  for (const auto& [text, code] :
       {std::pair("2\n", Code::kUnsupportedVersion), std::pair("one\n", Code::kCorrupt)}) {
    ASSERT_TRUE(write_file_atomically(folder.path() / "default" / "FORMAT", text));
    const auto opened = open_directory(folder.path(), types);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code);
  }
}

}  // namespace
}  // namespace palate
