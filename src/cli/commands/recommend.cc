#include <chrono>

#include <nlohmann/json.hpp>

#include "cli/bulk.h"
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
  print_trace(slate.trace);
  if (!slate.cursor.empty()) print_line(fmt::format("next page: --cursor {}", slate.cursor));
  return {};
}

struct Flags {
  RecommendRequest request;
  std::string users, out;
  size_t threads = 0;
};

Status recommend_many(Context& context, const Flags& flags) {
  using Clock = std::chrono::steady_clock;
  auto live = TRY(LiveRelease::open(context));
  ThreadPool pool(flags.threads);
  const auto start = Clock::now();
  const BulkCounts counts = TRY(
      recommend_in_bulk({live.recommender.get(), flags.users, flags.out, flags.request, &pool}));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (context.json) {
    print_json({{"users", counts.users},
                {"personalized", counts.personalized},
                {"seconds", seconds},
                {"threads", pool.size()},
                {"out", flags.out}});
    return {};
  }
  print_line(fmt::format("{}: {} users, {} of them personal, in {}", flags.out,
                         human_count(counts.users), human_count(counts.personalized),
                         human_seconds(seconds)));
  return {};
}

void declare_many(CommandFlags& command, Flags& flags) {
  Flag users = command.add("--users", flags.users,
                           "Lists for all users of this file, one id a line; needs --out");
  Flag out = command.add("--out", flags.out,
                         "Where --users writes: JSON lines with user, personalized, items");
  users.needs(out);
  out.needs(users);
  command.add("--threads", flags.threads, "For --users; 0: all processors").needs(users);
  for (const char* alone : {"user", "--cursor", "--explain", "--language", "--trace"}) {
    users.excludes(command.flag(alone));
  }
}

}  // namespace

Command recommend_command() {
  return {"recommend", "Recommend for one user, with titles, or for many into a file",
          "Examples:\n  palate recommend u00001\n  palate recommend u00001 -n 5 --category crime "
          "--explain 2\n"
          "  palate recommend u00001 --filter 'attributes.year >= 2010 and not tag = \"gore\"'\n"
          "  palate recommend u00001 --json\n"
          "  palate recommend --users ids.txt -n 100 --out lists.jsonl",
          [](CommandFlags& command) {
            auto flags = std::make_shared<Flags>();
            RecommendRequest* request = &flags->request;
            command.add("user", request->user, "The user's id; leave it out for somebody unknown");
            add_slate_flags(command, *request);
            command
                .add("--explain", request->explain,
                     "How many reasons to give for each item, at most 20")
                .between(0, 20);
            command.add("--pipeline", request->pipeline,
                        "How the list is made, instead of recommend.pipeline; `palate pipeline` "
                        "lists them");
            command.add("--trace", request->trace, "Also what each stage of the pipeline did");
            command.add("--cursor", request->cursor,
                        "The next page: what the page before printed, with the same user and "
                        "filters");
            command.add("--include-consumed", request->include_consumed,
                        "Also what the user had already");
            declare_many(command, *flags);
            return std::function<Status(Context&)>([flags](Context& context) {
              return flags->users.empty() ? recommend(context, flags->request)
                                          : recommend_many(context, *flags);
            });
          }};
}

}  // namespace palate
