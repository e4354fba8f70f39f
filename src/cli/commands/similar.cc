#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/slate.h"
#include "cli/slate_flags.h"

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
  return {"similar", "What those like who like one item, with titles",
          "Examples:\n  palate similar i00001\n  palate similar i00001 -n 5 --json",
          [](CommandFlags& command) {
            auto request = std::make_shared<SimilarRequest>();
            command.add("item", request->item, "The item's id").required();
            add_slate_flags(command, *request);
            return std::function<Status(Context&)>(
                [request](Context& context) { return similar(context, *request); });
          }};
}

}  // namespace palate
