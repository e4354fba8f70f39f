// kill -9 while events are taken in: every acknowledged event is there once, and the state equals
// that of a single-threaded pass over the log. Replay with PALATE_SEED=<printed seed>.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>

#include "events/block.h"
#include "ingest/directory_for_test.h"

namespace palate {
namespace {

constexpr int kRounds = 6;

std::string user_of(uint64_t number) { return "u" + std::to_string(number % 17); }
std::string item_of(uint64_t number) { return "i" + std::to_string(number % 29); }

// The child: two writers send numbers from `first` on, one pipe line for each acknowledged batch.
// Never returns.
[[noreturn]] void take_in(const Path& data, uint64_t first, int pipe) {
  const EventTypes types = EventTypes::defaults();
  auto opened = open_directory(data, types);
  if (!opened) _exit(3);
  const auto send = [&](uint64_t lane) {
    for (uint64_t n = first + lane;; n += 8) {
      EventBatch batch = like(types, user_of(n), item_of(n), n);
      for (uint64_t i = 2; i < 8; i += 2) {
        append(batch, like(types, user_of(n + i), item_of(n + i), n + i));
      }
      if (!(*opened)->ingest().write_events(std::move(batch))) _exit(4);
      if (write(pipe, &n, sizeof n) != sizeof n) _exit(5);
    }
  };
  std::thread other(send, 1);
  send(0);
  _exit(6);
}

struct Acknowledged {
  std::vector<uint64_t> numbers;
  uint64_t next = 0;  // not sent yet
};

void run_child(const Path& data, int64_t live_us, Acknowledged& acknowledged) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // A fresh program: the threads that RocksDB keeps for a process do not survive a fork.
    close(ends[0]);
    if (std::freopen("/dev/null", "w", stdout) == nullptr) _exit(8);
    setenv("PALATE_KILL_DATA", data.c_str(), 1);
    setenv("PALATE_KILL_FIRST", std::to_string(acknowledged.next).c_str(), 1);
    setenv("PALATE_KILL_PIPE", std::to_string(ends[1]).c_str(), 1);
    execl("/proc/self/exe", "ingest_test",
          "--gtest_filter=KillTest.NothingAcknowledgedIsLostOrTwice", nullptr);
    _exit(7);
  }
  close(ends[1]);
  // Counted from the first acknowledgement, so that slow machines kill at work, too.
  uint64_t n = 0;
  bool started = false;
  while (read(ends[0], &n, sizeof n) == sizeof n) {
    for (uint64_t i = 0; i < 8; i += 2) acknowledged.numbers.push_back(n + i);
    if (!started) {
      started = true;
      std::thread([child, live_us] {
        std::this_thread::sleep_for(std::chrono::microseconds(live_us));
        kill(child, SIGKILL);
      }).detach();
    }
    acknowledged.next = std::max(acknowledged.next, n + 1000);
  }
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
}

// One event at a time over the whole log, with nothing shared with the code under test but
// fold_event() and the codec.
void check_state(DataDirectory& directory, const EventTypes& types,
                 const std::vector<uint64_t>& acknowledged) {
  std::map<std::string, int> times;
  std::map<std::string, UserState> states;
  uint64_t offset = 0;
  ASSERT_TRUE(
      directory.log().read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
        const auto batch = TRY(decode_events(block.bytes, types));
        for (const EventView& row : batch.rows) {
          ++times[std::string(row.event_id)];
          UserState& state = states[std::string(row.user)];
          state.name = row.user;
          HistoryEntry entry{};
          entry.item = *directory.state().catalogue().view().find(row.item);
          entry.type = row.type;
          entry.value = static_cast<float>(row.value);
          entry.preference = types.preference(row.type, row.value);
          entry.ts = row.ts;
          entry.offset = offset++;
          fold_event(state, entry, {.types = &types});
        }
        return {};
      }));
  for (const auto& [id, count] : times) ASSERT_EQ(count, 1) << id;
  for (const uint64_t n : acknowledged) {
    ASSERT_EQ(times.count("event-" + std::to_string(n)), 1u) << "lost: " << n;
  }
  for (const auto& [user, state] : states) {
    const auto live = directory.state().user(user);
    ASSERT_TRUE(live && *live) << user;
    ASSERT_EQ(encode_user_state(**live, types), encode_user_state(state, types)) << user;
  }
}

TEST(KillTest, NothingAcknowledgedIsLostOrTwice) {
  if (const char* data = std::getenv("PALATE_KILL_DATA")) {  // the process that is to be killed
    take_in(data, std::strtoull(std::getenv("PALATE_KILL_FIRST"), nullptr, 10),
            std::atoi(std::getenv("PALATE_KILL_PIPE")));
  }
  const char* given = std::getenv("PALATE_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("PALATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);  // or every child says it again
  std::mt19937_64 random(seed);
  const EventTypes types = EventTypes::defaults();
  TemporaryFolder folder;
  Acknowledged acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    run_child(folder.path(), static_cast<int64_t>(random() % 150'000), acknowledged);
    if (HasFatalFailure()) return;
    auto opened = open_directory(folder.path(), types);
    ASSERT_TRUE(opened) << opened.error().message;
    check_state(**opened, types, acknowledged.numbers);
    if (HasFatalFailure()) return;
    // Sent again by a client that never heard: counts once.
    const uint64_t n = acknowledged.numbers.at(random() % acknowledged.numbers.size());
    const auto again = (*opened)->ingest().write_events(like(types, user_of(n), item_of(n), n));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->duplicates, 1u);
  }
  EXPECT_GE(acknowledged.numbers.size(), 4u * kRounds);
}

}  // namespace
}  // namespace palate
