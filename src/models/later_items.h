// What a model may do beside models/model.h: know items that came after its training, by what is
// said of them.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "features/catalogue.h"
#include "models/model.h"

namespace palate {

class KnowsLaterItems {
 public:
  virtual ~KnowsLaterItems() = default;
  // The same model, for all items of the catalogue: info().items is view.size(), and what it says
  // of earlier items is what it said. Shares what it can with this one, which need not outlive it.
  // Errors: none but of a broken artefact.
  [[nodiscard]] virtual Result<std::unique_ptr<Model>> with_items(
      const Catalogue::View& view) const = 0;
};

// Whether models of this kind do.
constexpr bool knows_later_items(std::string_view kind) { return kind == "two_tower"; }

}  // namespace palate
