#include "ingest/patient_writer.h"

#include <deque>

#include <gtest/gtest.h>

namespace palate {
namespace {

// Answers as it was told to: at once, or by `done`.
class MoodyIntake : public Intake {
 public:
  struct Mood {
    Code code = Code::kInternal;
    bool at_once = true;
  };
  std::deque<Mood> moods;  // of the next calls; then it takes everything
  std::vector<std::string> taken;
  size_t asked = 0;
  std::function<void()> when_asked = [] {};

  Status submit_events(EventBatch batch, Done done) override {
    return answer(batch.rows.size(), std::move(done), [&] {
      for (const EventView& row : batch.rows) taken.emplace_back(row.user);
    });
  }
  Status submit_items(std::vector<ItemRecord> items, Done done) override {
    return answer(items.size(), std::move(done), [&] {
      for (const ItemRecord& item : items) taken.push_back(item.id);
    });
  }
  Status submit_users(std::vector<UserRecord> users, Done done) override {
    return answer(users.size(), std::move(done), [&] {
      for (const UserRecord& user : users) taken.push_back(user.id);
    });
  }
  Status submit_forget(std::vector<std::string>, Done) override { return {}; }
  [[nodiscard]] size_t queued_events() const override { return 0; }
  [[nodiscard]] std::string trouble() const override { return ""; }
  [[nodiscard]] AsOf folded() const override { return {}; }

 private:
  Status answer(size_t records, Done done, const std::function<void()>& take) {
    ++asked;
    when_asked();
    if (moods.empty()) {
      take();
      done(IngestReceipt{.accepted = records, .duplicates = 0, .ends = {}});
      return {};
    }
    const Mood mood = moods.front();
    moods.pop_front();
    if (mood.at_once) return fail(mood.code, "not now");
    done(fail(mood.code, "not now"));
    return {};
  }
};

EventBatch events_of(std::initializer_list<std::string_view> users) {
  EventBatch batch;
  for (const std::string_view user : users) {
    EventView row;
    row.user = batch.arena.copy(user);
    batch.rows.push_back(row);
  }
  return batch;
}

TEST(PatientWriter, SendsAgainUntilItIsTaken) {
  MoodyIntake intake;
  intake.moods = {{Code::kOverloaded, true}, {Code::kUnavailable, false}, {Code::kDeadline, false}};
  PatientWriter writer(intake, {});
  const auto first = writer.events(events_of({"a", "b"}));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->accepted, 2U);
  EXPECT_EQ(intake.asked, 4U);
  intake.moods = {{Code::kUnavailable, true}};
  ItemRecord item;
  item.id = "i";
  UserRecord user;
  user.id = "u";
  ASSERT_TRUE(writer.items({item}));
  ASSERT_TRUE(writer.users({user}));
  EXPECT_EQ(intake.taken, (std::vector<std::string>{"a", "b", "i", "u"}));
}

TEST(PatientWriter, GivesUpWhereWaitingDoesNotHelp) {
  MoodyIntake intake;
  intake.moods = {{Code::kPermission, false}};
  const auto written = PatientWriter(intake, {}).events(events_of({"a"}));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kPermission);
  EXPECT_EQ(intake.asked, 1U);
}

TEST(PatientWriter, StopsWhenItIsTold) {
  MoodyIntake intake;
  std::stop_source stop;
  intake.moods.assign(1000, {Code::kUnavailable, true});
  intake.when_asked = [&] {
    if (intake.asked == 2) stop.request_stop();
  };
  const auto written = PatientWriter(intake, stop.get_token()).events(events_of({"a"}));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kCancelled);
  EXPECT_EQ(intake.asked, 2U);
}

}  // namespace
}  // namespace palate
