// The flags of commands that print slates, or ask about them.
#pragma once

#include <CLI/CLI.hpp>

namespace palate {

// Which items may come. `request`: a RecommendRequest or a SimilarRequest; it must outlive the
// parsing.
template <class Request>
void add_rule_flags(CLI::App& app, Request& request) {
  app.add_option("--category", request.categories,
                 "Only items of this category; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--filter", request.filter,
                 "Only items for which this holds, like 'attributes.year >= 2010 and not tag = "
                 "\"gore\"' (docs/reference/filter.md)");
  app.add_option("--exclude", request.exclude, "Never this item; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--language", request.language, "Of titles: en, de, …");
}

template <class Request>
void add_slate_flags(CLI::App& app, Request& request) {
  app.add_option("-n", request.n, "How many items, 1 to 1000")
      ->check(CLI::Range(1, 1000))
      ->type_name("UINT")
      ->capture_default_str();
  add_rule_flags(app, request);
}

}  // namespace palate
