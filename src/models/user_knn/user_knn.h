// User-user nearest neighbours: what those liked who are most like the one who asks. The artefact
// holds rows of what users liked, without any of their names; who asks is compared with them by the
// history that he brings, so what he just did counts.
#pragma once

#include <memory>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct UserKnnConfig {
  int neighbours = 200;
  double item_power = 0.5;
  double user_power = 0.5;
  double contrast = 1.5;
  double target_power = 0.3;
  int users_max = 1'000'000;

  static void fields(FieldVisitor<UserKnnConfig>& field);
};

// Reads an artefact of kind "user_knn" and keeps it mapped. Similar items: none, no reasons.
// Errors: kCorrupt (names the tensors that do not fit).
Result<std::unique_ptr<Model>> load_user_knn(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
