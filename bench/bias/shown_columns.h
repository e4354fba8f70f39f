// What a ranker sees of what was shown in a simulated world, as columns of examples; and the pages
// that it is judged by.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "bias/logged_world.h"
#include "dataset/examples.h"

namespace palate::bench {

class ShownColumns {
 public:
  struct Seen {
    bool user = true;  // and what is his alone; else the item and its kind
    bool position = false;
  };
  ShownColumns(const World& world, const Seen& seen);
  void label(const std::string& name);
  // A column that no ranker reads, behind the others.
  void id(const std::string& name);
  void add(uint32_t user, uint32_t item, double day, size_t position);
  // Labels and own columns are the caller's to fill.
  ExampleColumns& columns() { return columns_; }
  Status save(const Path& path) &&;

 private:
  const World& world_;
  const Truth truth_;
  const Seen seen_;
  ExampleSchema schema_;
  ExampleColumns columns_;
};

// A tenth of the visits, for early stopping.
bool held_out(const World& world, const LoggedRow& row);

// Items drawn uniformly for each visit of the log from a day on, kPageRows a visit.
inline constexpr size_t kPageRows = 20;
struct DrawnRow {
  uint32_t user = 0, item = 0;
  double day = 0;
};
std::vector<DrawnRow> drawn_pages(const World& world, const std::vector<LoggedRow>& log,
                                  double from_day);

}  // namespace palate::bench
