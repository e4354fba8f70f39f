#include "ingest/validation_config.h"

namespace palate {

void ValidationConfig::fields(FieldVisitor<ValidationConfig>& field) {
  using C = ValidationConfig;
  const std::vector<std::string> kEither = {"accept", "refuse"};
  field("unknown_items", &C::unknown_items, {.one_of = kEither},
        "Events about an item that nobody has described and no event has named before: accept "
        "makes the item known, refuse puts them into quarantine.");
  field("unknown_users", &C::unknown_users, {.one_of = kEither},
        "The same for users of whom there is neither a record nor an event.");
  field(
      "compatibility", &C::compatibility, {.one_of = {"backward", "forward", "full", "none"}},
      "What a change of a schema must keep: data that is there stays valid (backward), readers of "
      "the old schema understand new data (forward), both, or nothing.");
  field("error_budget", &C::error_budget, {.min = 0, .max = 1},
        "The share of a source's events that may be wrong; beyond it the source is set aside.");
  field("volume_factor", &C::volume_factor, {.min = 1, .max = 1e9},
        "A file with so many times the events of earlier ones, or so small a part, is set aside.");
  field("types_shift", &C::types_shift, {.min = 0, .max = 1},
        "A file of which this share of events is of other types than usual is set aside.");
  field("values_shift", &C::values_shift, {.min = 0, .max = 1e9},
        "A file whose mean value lies so many standard deviations from the usual is set aside.");
}

}  // namespace palate
