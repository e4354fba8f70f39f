// Demographic: what users with a similar profile liked. Users are put into clusters by what they
// say of themselves (region, language, age band, survey answers); who asks is between the clusters
// that his profile is near to. For users without a history.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct DemographicConfig {
  int clusters = 16;
  int users_min = 5;
  double sharpness = 4.0;
  double prior_users = 50.0;
  std::vector<std::string> attributes = {};

  static void fields(FieldVisitor<DemographicConfig>& field);
};

// What is known of somebody, as hashes of "region=…", "language=…", "age=…", "survey.<key>=…" and,
// of the named attributes, "attribute.<key>=…"; ascending and distinct.
std::vector<uint64_t> traits_of(const UserRecord& profile, std::span<const std::string> attributes);

// Reads an artefact of kind "demographic" and keeps it mapped. Answers from the profile of a query
// alone; no similar items, no reasons. Errors: kCorrupt (names the tensors that do not fit).
Result<std::unique_ptr<Model>> load_demographic(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
