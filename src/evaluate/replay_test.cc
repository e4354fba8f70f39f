#include "evaluate/replay.h"

#include <algorithm>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "evaluate/replay_report.h"
#include "evaluate/trained_on.h"
#include "features/catalogue.h"
#include "models/contract.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kUsers = 40, kItems = 30, kDays = 10;

struct Event {
  uint32_t user, item;
  int64_t hour;
  float preference = 1;
};

// Days in which every user likes two items of the own half of the catalogue, in log order.
std::vector<Event> days() {
  std::vector<Event> events;
  for (uint32_t day = 0; day < kDays; ++day) {
    for (uint32_t user = 0; user < kUsers; ++user) {
      Philox random(5, uint64_t{day} * kUsers + user);
      for (int i = 0; i < 2; ++i) {
        const uint32_t item = user % 2 * (kItems / 2) + random.below(kItems / 2);
        events.push_back({user, item, int64_t{day} * 24 + 1 + user % 20});
      }
    }
  }
  std::ranges::stable_sort(events, {}, &Event::hour);
  return events;
}

// As if logged in this order: offsets count up, whatever the hours say.
Dataset logged(const std::vector<Event>& events, TimeKind time = TimeKind::kReal) {
  std::vector<uint64_t> start{0};
  std::vector<HistoryEntry> rows;
  for (uint32_t user = 0; user < kUsers; ++user) {
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].user != user) continue;
      HistoryEntry row;
      row.item = {events[i].item};
      row.type = {0};
      row.value = events[i].preference > 0 ? 5 : 1;
      row.preference = events[i].preference;
      row.ts = {events[i].hour * 3600 * kSecondUs};
      row.offset = i;
      rows.push_back(row);
    }
    start.push_back(rows.size());
  }
  return Dataset::from_rows(kItems, std::move(start), std::move(rows), time)
      .with_rating_types({{0}});
}

struct Walked {
  std::vector<ReplayStep> steps;
  std::vector<StepServed> served;
};

ReplayOptions options_of(size_t steps, size_t train_every = 1) {
  return {.steps = steps,
          .train_every = train_every,
          .ks = {1, 5},
          .bootstrap_samples = 100,
          .limits = {}};
}

// What operate does, without a data directory.
Walked walk(std::string_view kind, const Dataset& data, const ReplayOptions& options) {
  Walked walked;
  const auto steps = replay_steps(data, options);
  EXPECT_TRUE(steps) << steps.error().message;
  if (!steps) return walked;
  walked.steps = *steps;
  ThreadPool pool(2);
  std::optional<TrainedModel> trained;
  ReplayStep trained_at;
  for (const ReplayStep& step : walked.steps) {
    if (step.trains) {
      const Dataset past = rows_before(data, step.begin);
      auto made = train_for_test(kind, DatasetView(past));
      EXPECT_TRUE(made) << kind << ": " << made.error().message;
      if (!made) return walked;
      trained.emplace(std::move(*made));
      trained_at = step;
      const auto seen = trained_on(trained->artefact->manifest());
      EXPECT_TRUE(check_replay_leak(past, step.begin, *seen)) << kind;
    }
    auto served = serve_step({.model = trained->model.get(),
                              .fallback = nullptr,
                              .data = &data,
                              .step = step,
                              .trained_at = trained_at,
                              .options = &options,
                              .pool = &pool,
                              .stop = {}});
    EXPECT_TRUE(served);
    walked.served.push_back(std::move(*served));
  }
  return walked;
}

TEST(Replay, StepsAreDaysOfTheLogAndEveryRowIsInOne) {
  const Dataset data = logged(days());
  const auto steps = replay_steps(data, options_of(4, 2));
  ASSERT_TRUE(steps) << steps.error().message;
  ASSERT_EQ(steps->size(), 4u);
  for (size_t s = 0; s < 4; ++s) {
    EXPECT_EQ((*steps)[s].from.us, static_cast<int64_t>(kDays - 4 + s) * kDayUs);
    EXPECT_EQ((*steps)[s].begin, (kDays - 4 + s) * 2 * kUsers);
    EXPECT_EQ((*steps)[s].end, (kDays - 3 + s) * 2 * kUsers);
    EXPECT_EQ((*steps)[s].trains, s % 2 == 0);
  }
}

TEST(Replay, OneWrongClockMovesNoStep) {
  auto events = days();
  const auto right = *replay_steps(logged(events), options_of(4));
  events[10].hour += 5 * 24;
  events[events.size() - 30].hour = 1;
  const auto odd = *replay_steps(logged(events), options_of(4));
  for (size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(odd[s].begin, right[s].begin);
    EXPECT_EQ(odd[s].from, right[s].from);
  }
}

TEST(Replay, RefusesWhatCannotBeWalked) {
  const auto message = [](const Dataset& data, const ReplayOptions& options) {
    const auto steps = replay_steps(data, options);
    return steps ? std::string("walked") : steps.error().message;
  };
  EXPECT_THAT(message(logged(days(), TimeKind::kOrder), options_of(4)), HasSubstr("real times"));
  EXPECT_THAT(message(logged(days()), options_of(kDays + 3)), HasSubstr("nothing has happened"));
  EXPECT_THAT(message(logged(days()), options_of(0)), HasSubstr("1 to 1000"));
  EXPECT_THAT(message(logged({}), options_of(1)), HasSubstr("no interactions"));
}

// The same in the plainest words, for a model whose answers do not depend on who asks.
TEST(Replay, AgreesWithAPlainReference) {
  const Dataset data = logged(days());
  const ReplayOptions options = options_of(3);
  const Walked walked = walk("popularity", data, options);
  ASSERT_EQ(walked.served.size(), 3u);
  for (size_t s = 0; s < 3; ++s) {
    const auto trained =
        *train_for_test("popularity", DatasetView(rows_before(data, walked.steps[s].begin)), {});
    double requests = 0, online = 0, frozen = 0;
    for (uint32_t user = 0; user < kUsers; ++user) {
      std::vector<HistoryEntry> before;
      for (const HistoryEntry& row : data.of({user})) {
        const auto hit = [&](uint64_t known_before) {
          ItemBitmap blocked(1, 0);
          for (const auto& had : before) {
            if (had.offset < known_before) blocked[0] |= uint64_t{1} << had.item.value;
          }
          Scratch scratch;
          Query query;
          query.history = before;
          const TopKRequest request{query, {blocked}, 5};
          const auto list = trained.model->top_k({&request, 1}, scratch);
          return std::ranges::count(list[0], row.item, &Scored::item) > 0 ? 1.0 : 0.0;
        };
        const bool is_new = std::ranges::count(before, row.item, &HistoryEntry::item) == 0;
        if (is_new && row.offset >= walked.steps[s].begin && row.offset < walked.steps[s].end) {
          ++requests;
          online += hit(row.offset);
          frozen += hit(walked.steps[s].begin);
        }
        before.push_back(row);
      }
    }
    const StepServed& served = walked.served[s];
    EXPECT_EQ(static_cast<double>(served.requests), requests);
    double online_hits = 0, frozen_hits = 0;
    for (size_t u = 0; u < served.users.size(); ++u) {
      online_hits += served.online[u * 7 + 2];
      frozen_hits += served.frozen[u * 7 + 2];
    }
    EXPECT_EQ(online_hits, online);
    EXPECT_EQ(frozen_hits, frozen);
    EXPECT_GT(requests, 0);
  }
}

// Whatever comes later: the steps before it stay the same to the bit, for every model there is.
TEST(Replay, APlantedFutureChangesNothingBeforeIt) {
  const auto events = days();
  const size_t half = events.size() * 8 / 10;  // of ten days
  // A late row: logged in the last days, it says that it happened on the first.
  auto planted = events;
  for (size_t i = half; i < events.size(); ++i) {
    planted[i].item = (planted[i].item + kItems / 2) % kItems;  // everybody changes his taste
    if (i % 7 == 0) planted[i].preference = -1;
    if (i % 50 == 0) planted[i].hour = 1;
  }
  const Dataset one = logged(events), other = logged(planted);
  for (const TrainerEntry& entry : trainer_catalogue()) {
    const std::string kind(entry.kind);
    if (!can_be_trained(kind)) continue;
    const ReplayOptions options = options_of(4, 2);
    const Walked a = walk(kind, one, options), b = walk(kind, other, options);
    ASSERT_EQ(a.served.size(), 4u) << kind;
    ASSERT_EQ(b.served.size(), 4u) << kind;
    for (size_t s = 0; s < 2; ++s) {
      EXPECT_EQ(a.served[s].users, b.served[s].users) << kind;
      EXPECT_EQ(a.served[s].online, b.served[s].online) << kind << " step " << s;
      EXPECT_EQ(a.served[s].frozen, b.served[s].frozen) << kind << " step " << s;
    }
    EXPECT_NE(a.served[3].online, b.served[3].online) << kind << ": or nothing was planted";
  }
}

TEST(Replay, ATrainerThatSawTheFutureIsFound) {
  const Dataset data = logged(days());
  const auto steps = *replay_steps(data, options_of(2));
  const Dataset past = rows_before(data, steps[0].begin);
  EXPECT_TRUE(check_replay_leak(past, steps[0].begin, DatasetView(past).seen()));
  const auto leaked = check_replay_leak(past, steps[0].begin,
                                        DatasetView(rows_before(data, steps[0].begin + 1)).seen());
  ASSERT_FALSE(leaked);
  EXPECT_THAT(leaked.error().message, HasSubstr("mean nothing"));
}

// A user's second like of a day is easier to foresee when the first one is known.
TEST(Replay, OnlineUpdatesHelpWhereDaysHaveAThread) {
  std::vector<Event> events;
  for (uint32_t day = 0; day < kDays; ++day) {
    for (uint32_t user = 0; user < kUsers; ++user) {
      // Pairs (2p, 2p + 1) go together; which one it is today nobody can know.
      const uint32_t pair = Philox(9, uint64_t{day} * kUsers + user).below(kItems / 2);
      events.push_back({user, 2 * pair, int64_t{day} * 24 + 1});
      events.push_back({user, 2 * pair + 1, int64_t{day} * 24 + 2});
    }
  }
  std::ranges::stable_sort(events, {}, &Event::hour);
  const Dataset data = logged(events);
  const ReplayOptions options = options_of(3, 3);
  const Walked walked = walk("item_knn", data, options);
  ThreadPool pool(2);
  ReplayReport report;
  report.options = options;
  report.models.emplace_back();
  report.models[0].kind = "item_knn";
  for (size_t s = 0; s < walked.served.size(); ++s) {
    report.models[0].add(walked.served[s]);
    report.models[0].points.push_back(
        replay_point(walked.served[s], walked.steps[s], options, pool));
  }
  finish_replay(report, pool);
  const auto gain = std::ranges::find_if(report.models[0].gain, [](const MetricValue& value) {
    return value.name == "ndcg" && value.k == 5;
  });
  ASSERT_NE(gain, report.models[0].gain.end());
  EXPECT_GT(gain->value.low, 0.05);
  EXPECT_NEAR(gain->value.mean,
              report.models[0].online[3].value.mean - report.models[0].frozen[3].value.mean, 1e-12);

  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["models"][0]["steps"].size(), 3u);
  EXPECT_THAT(to_markdown(report), HasSubstr("| item_knn | ndcg@5 |"));
  const std::string page = to_html(report);
  EXPECT_THAT(page, HasSubstr("<polyline points="));
  EXPECT_EQ(page.find("http"), std::string::npos) << "it loads nothing";
}

}  // namespace
}  // namespace palate
