#include "events/schema/schema_change.h"

#include <algorithm>
#include <array>
#include <optional>

namespace palate {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"backward", "forward", "full", "none"};

const SchemaNode kAnything;

struct Sides {
  bool backward = true, forward = true;
};

class Comparison {
 public:
  void compare(const std::string& path, const SchemaNode& before, const SchemaNode& after) {
    if (before == after) return;
    compare_types(path, before.types, after.types);
    // Of a type that may not occur on either side the rest says nothing.
    const JsonTypes types = before.types & after.types;
    if (types != 0) compare_choices(path, before.choices, after.choices);
    if ((types & kJsonNumber) != 0) compare_bounds(path, before.bounds, after.bounds);
    if ((types & kJsonString) != 0) {
      compare_sizes({path, "characters"}, before.lengths, after.lengths);
      compare_patterns(path, before.pattern, after.pattern);
    }
    if ((types & kJsonArray) != 0) {
      compare_sizes({path, "entries"}, before.entries, after.entries);
      compare(path + "[]", or_anything(before.items), or_anything(after.items));
    }
    if ((types & kJsonObject) != 0) compare_objects(path, before, after);
    compare_conditions(path, before, after);
  }

  std::vector<SchemaChange> changes;

 private:
  static const SchemaNode& or_anything(const std::shared_ptr<const SchemaNode>& schema) {
    return schema == nullptr ? kAnything : *schema;
  }

  void note(const std::string& path, std::string sentence, Sides sides) {
    changes.push_back(
        {path.empty() ? "the whole" : path, std::move(sentence), sides.backward, sides.forward});
  }

  void compare_types(const std::string& path, JsonTypes before, JsonTypes after) {
    if (before == after) return;
    const Sides sides{.backward = (before & ~after) == 0, .forward = (after & ~before) == 0};
    if (after == 0) return note(path, "the field is taken away", sides);
    if (before == 0) return note(path, "the field is new", sides);
    note(path, fmt::format("it was {} and is {}", in_words(before), in_words(after)), sides);
  }

  template <class Set>
  static std::vector<std::string> without(const Set& from, const Set& other) {
    std::vector<std::string> missing;
    for (const auto& value : from) {
      if (!other.contains(value)) missing.push_back(fmt::format("{}", value));
    }
    return missing;
  }

  static std::vector<std::string> lost(const SchemaChoices& from, const SchemaChoices& other) {
    std::vector<std::string> missing = without(from.strings, other.strings);
    std::ranges::copy(without(from.numbers, other.numbers), std::back_inserter(missing));
    if (from.yes && !other.yes) missing.emplace_back("true");
    if (from.no && !other.no) missing.emplace_back("false");
    if (from.null && !other.null) missing.emplace_back("null");
    return missing;
  }

  void compare_choices(const std::string& path, const std::optional<SchemaChoices>& before,
                       const std::optional<SchemaChoices>& after) {
    if (before == after) return;
    if (!before) return note(path, "only listed values are allowed now", {.backward = false});
    if (!after) return note(path, "any value is allowed now", {.forward = false});
    const auto gone = lost(*before, *after), added = lost(*after, *before);
    if (!gone.empty()) {
      note(path, fmt::format("no longer allowed: {}", fmt::join(gone, ", ")), {.backward = false});
    }
    if (!added.empty()) {
      note(path, fmt::format("newly allowed: {}", fmt::join(added, ", ")), {.forward = false});
    }
  }

  void compare_bounds(const std::string& path, const SchemaBounds& before,
                      const SchemaBounds& after) {
    const auto one = [&](std::string_view name, std::pair<double, bool> was,
                         std::pair<double, bool> is) {
      if (was == is) return;
      // Pairs are made so that the greater one allows less.
      const auto in_text = [&](std::pair<double, bool> bound) {
        const double value = name == "minimum" ? bound.first : -bound.first;
        return std::isinf(value) ? "none"
                                 : fmt::format("{}{}", value, bound.second ? " (excluded)" : "");
      };
      note(path, fmt::format("the {} goes from {} to {}", name, in_text(was), in_text(is)),
           {.backward = is < was, .forward = was < is});
    };
    one("minimum", {before.minimum, before.above_minimum}, {after.minimum, after.above_minimum});
    one("maximum", {-before.maximum, before.below_maximum}, {-after.maximum, after.below_maximum});
  }

  void compare_sizes(std::pair<const std::string&, std::string_view> what,
                     const SchemaSizes& before, const SchemaSizes& after) {
    const auto& [path, of] = what;
    if (before.least != after.least) {
      note(path, fmt::format("at least {} {} instead of {}", after.least, of, before.least),
           {.backward = after.least < before.least, .forward = before.least < after.least});
    }
    if (before.most == after.most) return;
    const auto in_text = [](uint64_t most) {
      return most == SchemaSizes{}.most ? "any number of" : fmt::format("at most {}", most);
    };
    note(path, fmt::format("{} {} instead of {}", in_text(after.most), of, in_text(before.most)),
         {.backward = after.most > before.most, .forward = before.most > after.most});
  }

  // Whether one regular expression allows what another does is not looked into.
  void compare_patterns(const std::string& path, const std::optional<SchemaPattern>& before,
                        const std::optional<SchemaPattern>& after) {
    if (before == after) return;
    const std::string is = after ? after->text : "none", was = before ? before->text : "none";
    note(path, fmt::format("the pattern goes from {} to {}", was, is),
         {.backward = !after, .forward = !before});
  }

  void compare_objects(const std::string& path, const SchemaNode& before, const SchemaNode& after) {
    compare_sizes({path, "properties"}, before.property_count, after.property_count);
    std::set<std::string> names;
    for (const auto& [name, schema] : before.properties) names.insert(name);
    for (const auto& [name, schema] : after.properties) names.insert(name);
    for (const std::string& name : names) {
      compare(below(path, name), before.property(name), after.property(name));
    }
    compare(below(path, "*"), or_anything(before.other_properties),
            or_anything(after.other_properties));
    for (const std::string& name : without(after.required, before.required)) {
      note(below(path, name), "it is required now", {.backward = false});
    }
    for (const std::string& name : without(before.required, after.required)) {
      note(below(path, name), "it is no longer required", {.forward = false});
    }
  }

  void compare_conditions(const std::string& path, const SchemaNode& before,
                          const SchemaNode& after) {
    std::set<std::string> types;
    for (const auto& [type, schema] : before.of_type) types.insert(type);
    for (const auto& [type, schema] : after.of_type) types.insert(type);
    for (const std::string& type : types) {
      const auto was = before.of_type.find(type), is = after.of_type.find(type);
      const size_t first = changes.size();
      compare(path, was == before.of_type.end() ? kAnything : was->second,
              is == after.of_type.end() ? kAnything : is->second);
      for (size_t i = first; i < changes.size(); ++i) {
        changes[i].path += fmt::format(" (of {})", type);
      }
    }
  }

  static std::string below(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }
};

}  // namespace

std::string_view name_of(Compatibility compatibility) {
  return kNames[static_cast<size_t>(compatibility)];
}

Result<Compatibility> compatibility_from(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    return fail(Code::kInvalidArgument,
                "'{}' is no rule of compatibility: backward, forward, full or none", name);
  }
  return static_cast<Compatibility>(found - kNames.begin());
}

std::vector<SchemaChange> compare_schemas(const SchemaNode& before, const SchemaNode& after) {
  Comparison comparison;
  comparison.compare("", before, after);
  return std::move(comparison.changes);
}

Status check_compatible(const std::vector<SchemaChange>& changes, Compatibility wanted) {
  const bool backward = wanted == Compatibility::kBackward || wanted == Compatibility::kFull;
  const bool forward = wanted == Compatibility::kForward || wanted == Compatibility::kFull;
  std::vector<std::string> reasons;
  for (const SchemaChange& change : changes) {
    const bool old_data = backward && !change.backward, old_readers = forward && !change.forward;
    if (!old_data && !old_readers) continue;
    reasons.push_back(fmt::format("{}: {} ({})", change.path, change.sentence,
                                  old_data ? "data that is there may not fit"
                                           : "readers of the old schema may not understand it"));
  }
  if (reasons.empty()) return {};
  return fail(Code::kConflict,
              "the change is not {} compatible, so it is refused: {}. A weaker rule allows it: "
              "--compatibility none",
              name_of(wanted), fmt::join(reasons, "; "));
}

}  // namespace palate
