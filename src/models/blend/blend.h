// A weighted sum of other models' scores. The weights are chosen on a slice of the training data
// that the parts did not see; then the parts are trained on all of it. What one part does not know
// is left to the others, and parts for cold users and items hand over to personal ones as evidence
// grows (handover.h). A blend of models that predict ratings predicts ratings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct BlendConfig {
  std::vector<std::string> models = {"ease", "als"};
  std::vector<std::string> weights = {};
  double validation_share = 0.2;
  int validation_users = 5000;
  int cut = 20;
  double user_events = -1;
  double item_events = -1;

  static void fields(FieldVisitor<BlendConfig>& field);
};

// Reads an artefact of kind "blend" and the artefacts of its parts inside it. Errors: kCorrupt,
// kUnsupportedVersion.
Result<std::unique_ptr<Model>> load_blend(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
