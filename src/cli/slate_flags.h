// The flags of commands that print slates, or ask about them.
#pragma once

#include "base/command_flags.h"

namespace palate {

// Which items may come. `request`: a RecommendRequest or a SimilarRequest; it must outlive the
// parsing.
template <class Request>
void add_rule_flags(CommandFlags& command, Request& request) {
  command
      .add("--category", request.categories,
           "Only items of this category; may be given several times")
      .one_value_each();
  command.add("--filter", request.filter,
              "Only items for which this holds, like 'attributes.year >= 2010 and not tag = "
              "\"gore\"' (docs/reference/filter.md)");
  command.add("--exclude", request.exclude, "Never this item; may be given several times")
      .one_value_each();
  command.add("--language", request.language, "Of titles: en, de, …");
}

template <class Request>
void add_slate_flags(CommandFlags& command, Request& request) {
  command.add("-n", request.n, "How many items, 1 to 1000").between(1, 1000).show_default();
  add_rule_flags(command, request);
}

}  // namespace palate
