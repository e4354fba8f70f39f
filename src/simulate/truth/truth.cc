#include "simulate/truth/truth.h"

#include <cmath>

#include "simulate/truth/shelf.h"
#include "simulate/truth/streams.h"
#include "simulate/truth/visit.h"

namespace palate {
namespace {

double day_of(const Nature& nature, TimeUs at) {
  return static_cast<double>(at.us - nature.start.us) / double(kDayUs);
}

// The one of the quarter of the day.
WorldShelf shelf_of(const Nature& nature, double day) {
  return {nature.config, nature.items, std::floor(day * kShelvesADay) / kShelvesADay};
}

}  // namespace

double Truth::attraction(uint32_t user, uint32_t item, double day) const {
  return world_.nature_->laws.attraction_of(user, item, day);
}

double Truth::satisfaction(uint32_t user, uint32_t item, double day) const {
  return world_.nature_->laws.satisfaction_of(user, item, day);
}

std::array<Truth::Felt, kMoods> Truth::in_moods(uint32_t user, uint32_t item, double day) const {
  const Laws& laws = world_.nature_->laws;
  const PersonTastes tastes = this->tastes(user, day);
  std::array<Felt, kMoods> felt;
  for (size_t mood = 0; mood < kMoods; ++mood) {
    const Viewer viewer = laws.viewer(user, tastes, mood, day);
    felt[mood] = {laws.attraction(viewer, item), laws.satisfaction(viewer, item)};
  }
  return felt;
}

double Truth::examination(int slot) const { return world_.nature_->laws.examination(slot); }
double Truth::alpha(int slot) const { return world_.nature_->laws.alpha(slot); }
double Truth::beta(int slot) const { return world_.nature_->laws.beta(slot); }

std::vector<uint32_t> Truth::own_slate(const World::Request& request) const {
  const Nature& nature = *world_.nature_;
  const double day = day_of(nature, request.at);
  Philox random = own_policy_stream(nature.config.seed, request.user, request.visit, request.page);
  std::vector<uint32_t> slate;
  shelf_of(nature, day)
      .draw(random, slate_for(user(request.user), tastes(request.user, day), request.randomized),
            request.slots, slate);
  return slate;
}

std::vector<double> Truth::propensities(const World::Request& request,
                                        std::span<const uint32_t> slate) const {
  const Nature& nature = *world_.nature_;
  const double day = day_of(nature, request.at);
  return shelf_of(nature, day)
      .propensities(slate_for(user(request.user), tastes(request.user, day), request.randomized),
                    slate);
}

const ItemNature& Truth::item(uint32_t item) const { return world_.nature_->items.natures()[item]; }
const UserNature& Truth::user(uint32_t user) const {
  return world_.nature_->people.natures()[user];
}
PersonTastes Truth::tastes(uint32_t user, double day) const {
  return world_.nature_->people.tastes(user, day);
}
const std::vector<uint32_t>& Truth::hits() const { return world_.nature_->items.hits(); }
double Truth::buzz(uint32_t item, double day) const {
  return world_.nature_->items.buzz(item, day);
}
uint32_t Truth::target() const { return world_.nature_->attacks.target(); }
uint32_t Truth::victim() const { return world_.nature_->attacks.victim(); }
double Truth::season(uint32_t category, double day) const {
  return world_.nature_->laws.season(category, day);
}

}  // namespace palate
