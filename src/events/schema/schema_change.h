// What changes from one schema to the next, and for whom that matters. Words as Confluent's schema
// registry has them: backward = what was valid stays valid, so readers of the new schema read old
// data; forward = what is valid now was valid before, so readers of the old schema read new data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/schema/schema_node.h"

namespace palate {

enum class Compatibility : uint8_t { kBackward, kForward, kFull, kNone };
std::string_view name_of(Compatibility compatibility);
Result<Compatibility> compatibility_from(std::string_view name);

struct SchemaChange {
  std::string path;      // "context.country", "value (of rating)"
  std::string sentence;  // "the maximum goes from 5 to 10"
  bool backward = true;  // nothing that was valid becomes invalid by it
  bool forward = true;   // nothing that is valid by it was invalid
};

// In the order of paths; empty when both allow the same. Sound: what a change of which all parts
// are backward allows, holds for every value. (A part may be called incompatible though another
// one, next to it, makes it irrelevant.)
std::vector<SchemaChange> compare_schemas(const SchemaNode& before, const SchemaNode& after);

// kConflict, naming every field that is in the way and why.
Status check_compatible(const std::vector<SchemaChange>& changes, Compatibility wanted);

}  // namespace palate
