#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/slate.h"

namespace palate {
namespace {

Status similar(Context& context, const SimilarRequest& request) {
  auto live = TRY(LiveRelease::open(context));
  const Slate slate = TRY(live.recommender->similar(request));
  if (context.json) {
    print_json(slate_json(slate));
    return {};
  }
  print_line(fmt::format("Like {}, by {} {} (release {})", request.item, slate.source,
                         slate.version, slate.release));
  print_slate(slate);
  return {};
}

}  // namespace

Command similar_command() {
  return {
      "similar", "What those like who like one item, with titles",
      "Examples:\n  palate similar i00001\n  palate similar i00001 -n 5 --json", [](CLI::App& app) {
        auto request = std::make_shared<SimilarRequest>();
        app.add_option("item", request->item, "The item's id")->required();
        app.add_option("-n", request->n, "How many items, 1 to 1000")
            ->check(CLI::Range(1, 1000))
            ->type_name("UINT")
            ->capture_default_str();
        app.add_option("--category", request->categories,
                       "Only items of this category; may be given several times")
            ->allow_extra_args(false);
        app.add_option("--exclude", request->exclude, "Never this item; may be given several times")
            ->allow_extra_args(false);
        app.add_option("--language", request->language, "Of titles: en, de, …");
        return std::function<Status(Context&)>(
            [request](Context& context) { return similar(context, *request); });
      }};
}

}  // namespace palate
