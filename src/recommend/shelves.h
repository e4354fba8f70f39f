// A page of shelves: rows with titles, each a list by a pipeline of its own, no item on two of
// them.
//
//   [shelves.home]
//   rows = ["feed title='For you'", "like-the-last title='Because you liked {last}'",
//           "new title=New title_de=Neu n=10"]
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "recommend/pipeline.h"
#include "recommend/recommender.h"

namespace palate {

inline constexpr size_t kShelvesMax = 50;
inline constexpr size_t kShelfItemsMax = 100;

struct ShelfSpec {
  std::string pipeline;
  std::map<std::string, std::string> titles;  // by language; "" where none fits
  size_t n = 20;                              // 1 to kShelfItemsMax
  size_t least = 4;                           // with fewer items the shelf is left out
};

// The configured pages.
class ShelfPages {
 public:
  ShelfPages();  // with "home"
  // Tables [shelves.<name>]; `this` must outlive the schema.
  void add_to(ConfigSchema& schema);
  // Errors: kInvalidArgument with the row and what is wrong with it.
  Status declare(const std::string& name, const std::map<std::string, FieldValue>& values);
  // Every row's pipeline must be there.
  [[nodiscard]] Status check(const Pipelines& pipelines) const;
  // kNotFound with near names.
  [[nodiscard]] Result<std::vector<ShelfSpec>> find(std::string_view name) const;

 private:
  std::map<std::string, std::vector<ShelfSpec>, std::less<>> pages_;
};

struct Shelf {
  std::string title;
  Slate slate;
};

// `request`: whose, and what may come; its pipeline, n and cursor are not read. A shelf that its
// pipeline has nothing for is left out. Errors: as Recommender::recommend().
Result<std::vector<Shelf>> make_shelves(const Recommender& recommender, RecommendRequest request,
                                        const std::vector<ShelfSpec>& specs);

}  // namespace palate
