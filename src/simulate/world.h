// A world whose truth is known: people with several tastes and moods who come, click, watch, are
// content or not, and stay or leave; items with quality, promise and release dates; seasons, hits
// and attackers. docs/world.md tells the story, simulate_config.h has the parameters. What is true
// (who likes what, who means ill) is read by tests and reports alone: truth/truth.h.
//
// One seed gives one world: every draw comes from a stream of its own (user, day, visit), so
// threads and what is asked for make no difference.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "base/time.h"
#include "events/event.h"
#include "simulate/happening.h"
#include "simulate/simulate_config.h"

namespace palate {

struct Nature;
struct Census;

class World {
 public:
  // Errors: kInvalidArgument for a config that makes no sense.
  static Result<World> make(const SimulateConfig& config);

  [[nodiscard]] const SimulateConfig& config() const;
  [[nodiscard]] TimeUs start() const;
  [[nodiscard]] size_t items() const;
  // People and attackers, of whom not all have signed up at the beginning or ever will.
  [[nodiscard]] size_t users() const;
  [[nodiscard]] ItemRecord item(uint32_t item) const;
  [[nodiscard]] UserRecord user(uint32_t user) const;
  [[nodiscard]] std::string_view region(uint32_t user) const;

  // One day: who signed up (on the first, also who was there before), ascending; and what happened,
  // ascending by time, then user. Valid during the call that gets it.
  struct Day {
    int64_t number = 0;
    std::span<const uint32_t> signed_up;
    std::span<const Happening> happenings;
  };
  // A user waits for a page.
  struct Request {
    uint32_t user = 0;
    TimeUs at;
    size_t slots = 0;
    uint32_t visit = 0;
    uint8_t page = 0;
    bool randomized = false;  // the visit is one of those that get pages drawn uniformly
  };
  struct Play {
    ThreadPool* pool = nullptr;  // for days without a recommender; nullptr: this thread alone
    std::stop_token stop = {};
    // Answers each request with items that are released; what is shown is what it says, in this
    // order (up to `slots`). Without one the world's own policy answers, and answers randomized
    // visits in any case. Called in order of time, on the calling thread.
    std::function<void(const Request&, std::vector<uint32_t>& slate)> recommend = {};
    // With a recommender: what happened, in order of time, each before the first request that is
    // later.
    std::function<void(const Happening&)> observe = {};
    // How things stand at the end of each day (truth/truth.h).
    std::function<void(const Census&)> census = {};
  };
  // Plays the world from its first day to its last. Memory: the people, and the events of a day
  // twice. Errors: the visitor's, kCancelled.
  Status play(const Play& play, const std::function<Status(const Day&)>& visit) const;

 private:
  friend class Truth;
  std::shared_ptr<const Nature> nature_;
};

}  // namespace palate
