#include "simulate/world.h"

#include "simulate/truth/run.h"

namespace palate {

Result<World> World::make(const SimulateConfig& config) {
  TRY(config.check());
  World world;
  world.nature_ = std::make_shared<const Nature>(config, TRY(parse_rfc3339(config.start)));
  return world;
}

const SimulateConfig& World::config() const { return nature_->config; }
TimeUs World::start() const { return nature_->start; }
size_t World::items() const { return nature_->items.natures().size(); }
size_t World::users() const { return nature_->people.natures().size(); }
ItemRecord World::item(uint32_t item) const { return nature_->items.record(item, nature_->start); }
UserRecord World::user(uint32_t user) const { return nature_->people.record(user); }
std::string_view World::region(uint32_t user) const {
  return kRegions[nature_->people.natures()[user].region].code;
}

Status World::play(const Play& play, const std::function<Status(const Day&)>& visit) const {
  Run run(*nature_, play);
  for (int64_t day = 0; day < nature_->config.days; ++day) {
    const Day what = TRY(run.next_day());
    TRY(visit(what));
  }
  return {};
}

}  // namespace palate
