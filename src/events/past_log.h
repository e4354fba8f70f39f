// A log as it was: another one up to certain positions, and, where wanted, as if some events had
// never come.
#pragma once

#include <set>

#include "events/log.h"

namespace palate {

class PastLog : public EventLog {
 public:
  // `log` must outlive it. Parts that `as_of` does not name have nothing. Events of `without` keep
  // their places and say nothing, as erased ones do (docs/formats/log-block.md).
  PastLog(const EventLog& log, AsOf as_of, std::set<Position> without = {});

  // kPermission: nothing is added to the past.
  Result<std::vector<Position>> append(std::span<const Append> blocks) override;
  Status read(Position from, const std::function<Status(const Block&)>& visit) const override;
  [[nodiscard]] Result<AsOf> ends() const override;
  [[nodiscard]] Result<AsOf> begins() const override { return log_.begins(); }

 private:
  [[nodiscard]] uint64_t end_of(const Position& part) const;
  [[nodiscard]] bool leaves_out_of(const Block& block) const;
  Status show_part(const Block& block, uint64_t end,
                   const std::function<Status(const Block&)>& visit) const;

  const EventLog& log_;
  const AsOf as_of_;
  const std::set<Position> without_;
};

}  // namespace palate
