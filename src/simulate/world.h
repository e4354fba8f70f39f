// A world with known tastes: users who like some categories and creators more than others, items of
// known quality, sessions in which a slate is shown and clicked with position bias, drift, launches
// and bots. Test bed, demo and load. One seed gives one world, whatever the number of threads.
//
// The click model is the position-based one (Craswell et al. 2008): a slot is examined with
// probability (slot + 1)^-eta, and what is examined is clicked with the probability that `affinity`
// gives.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "base/time.h"
#include "events/event.h"

namespace palate {

struct SimulateConfig {
  uint64_t seed = 1;
  int64_t users = 5000;
  int64_t items = 2000;
  int64_t days = 30;
  double sessions_per_user = 8;
  int64_t slots = 10;
  double position_bias = 0.7;  // eta
  double drift_share = 0.2;    // users whose taste changes half way
  double launch_share = 0.1;   // items released during the time simulated
  double bot_share = 0.004;    // accounts that click one creator's items all day
  std::string start = "2026-01-01T00:00:00Z";
  static void fields(FieldVisitor<SimulateConfig>& field);
};

class World {
 public:
  // Errors: kInvalidArgument for a start that is no time.
  static Result<World> make(const SimulateConfig& config);

  [[nodiscard]] const std::vector<ItemRecord>& items() const { return items_; }
  [[nodiscard]] const std::vector<UserRecord>& users() const { return users_; }

  // The truth: probability that the user, on day `day`, clicks the item once he has looked at it.
  [[nodiscard]] double affinity(size_t user, size_t item, double day) const;
  [[nodiscard]] bool is_bot(size_t user) const { return taste_[user].bot; }

  // A visit of one user. play() turns it into events.
  struct Session {
    uint32_t user = 0;
    uint32_t number = 0;
    TimeUs start;
  };
  [[nodiscard]] std::vector<Session> sessions() const;  // ascending by start
  struct Happening {
    std::string_view type;
    std::string user, item, request_id, context;
    TimeUs ts;
    double value = kNoValue;
    int32_t slot = kNoSlot;
  };
  // What happens in one session, ascending by time.
  [[nodiscard]] std::vector<Happening> play(const Session& session) const;

 private:
  struct Taste {
    std::vector<float> category;        // weights, sum 1
    std::vector<float> category_later;  // after the drift; empty: no drift
    uint32_t creator = 0;               // a favourite
    uint32_t language = 0;
    bool bot = false;
  };
  struct Nature {
    uint32_t category = 0, creator = 0;
    float quality = 0;
    float popularity = 0;  // cumulative, for draws by popularity
    double released_day = 0;
  };
  void make_items();
  void make_users();
  [[nodiscard]] size_t draw_item(size_t user, double day, double uniform_a, double uniform_b) const;

  SimulateConfig config_;
  TimeUs start_;
  std::vector<ItemRecord> items_;
  std::vector<Nature> nature_;
  std::vector<std::vector<uint32_t>> by_category_;
  std::vector<UserRecord> users_;
  std::vector<Taste> taste_;
};

}  // namespace palate
