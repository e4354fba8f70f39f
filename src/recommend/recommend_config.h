// The [recommend] section.
#pragma once

#include <string>

#include "base/config.h"

namespace palate {

struct RecommendConfig {
  std::string pipeline = "plain";
  bool pipeline_by_request = true;
  bool similar_users = false;

  static void fields(FieldVisitor<RecommendConfig>& field) {
    field("pipeline", &RecommendConfig::pipeline, {},
          "Which pipeline answers: plain (the models' own lists), feed, or one of [pipelines].");
    field("pipeline_by_request", &RecommendConfig::pipeline_by_request, {},
          "Whether a request over HTTP may name another one, and ask what each stage did.");
    field("similar_users", &RecommendConfig::similar_users, {},
          "Whether /v1/similar-users answers: it tells who shares whose tastes "
          "(docs/privacy.md).");
  }
};

}  // namespace palate
