#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/slate.h"
#include "cli/slate_flags.h"

namespace palate {
namespace {

Status recommend(Context& context, const RecommendRequest& request) {
  auto live = TRY(LiveRelease::open(context));
  const Slate slate = TRY(live.recommender->recommend(request));
  if (context.json) {
    print_json(slate_json(slate));
    return {};
  }
  const std::string who = request.user.empty() ? "somebody unknown" : request.user;
  print_line(fmt::format("For {}, by {} {} (release {}){}", who, slate.source, slate.version,
                         slate.release, slate.personalized ? "" : "; not personal: " + slate.why));
  print_slate(slate);
  if (!slate.cursor.empty()) print_line(fmt::format("next page: --cursor {}", slate.cursor));
  return {};
}

}  // namespace

Command recommend_command() {
  return {"recommend", "Recommend for one user, with titles",
          "Examples:\n  palate recommend u00001\n  palate recommend u00001 -n 5 --category crime "
          "--explain 2\n"
          "  palate recommend u00001 --json",
          [](CLI::App& app) {
            auto request = std::make_shared<RecommendRequest>();
            app.add_option("user", request->user,
                           "The user's id; leave it out for somebody unknown");
            add_slate_flags(app, *request);
            app.add_option("--explain", request->explain,
                           "How many reasons to give for each item, at most 20")
                ->check(CLI::Range(0, 20))
                ->type_name("UINT");
            app.add_option("--cursor", request->cursor,
                           "The next page: what the page before printed, with the same user and "
                           "filters");
            app.add_flag("--include-consumed", request->include_consumed,
                         "Also what the user had already");
            return std::function<Status(Context&)>(
                [request](Context& context) { return recommend(context, *request); });
          }};
}

}  // namespace palate
