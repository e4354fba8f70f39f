// What a model may do beside models/model.h: know items that came after its training, by what is
// said of them.
#pragma once

#include <memory>

#include "base/result.h"
#include "features/catalogue.h"
#include "models/model.h"

namespace palate {

class KnowsLaterItems {
 public:
  virtual ~KnowsLaterItems() = default;
  // The same model, for all items that the catalogue has now: info().items is their number, and
  // what it says of those that it was trained on is what it said. Shares what it can with this one,
  // which need not outlive it, and reads the catalogue little by little, so that nobody waits long
  // to write. Errors: none but of a broken artefact.
  [[nodiscard]] virtual Result<std::unique_ptr<Model>> with_items(
      const Catalogue& catalogue) const = 0;
  // Whether it has read what the catalogue says of all items that came after training.
  [[nodiscard]] virtual bool has_read(const Catalogue& catalogue) const = 0;
};

}  // namespace palate
