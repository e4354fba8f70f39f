// The config that a model was trained with, out of its artefact's manifest.
#pragma once

#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"

namespace palate {

// Sets the fields that the manifest names. Errors: kCorrupt for a value of the wrong type or out of
// range: the sizes of what follows depend on it.
Status read_fields(const Artefact& artefact, const std::vector<Field>& fields);

template <class Config>
Result<Config> read_model_config(const Artefact& artefact) {
  Config config;
  std::vector<Field> fields;
  FieldVisitor<Config> visitor(artefact.manifest().kind, config, fields);
  Config::fields(visitor);
  if (auto read = read_fields(artefact, fields); !read) return std::unexpected(read.error());
  return config;
}

}  // namespace palate
