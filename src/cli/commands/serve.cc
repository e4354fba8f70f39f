#include <filesystem>
#include <optional>

#include "base/log.h"
#include "base/stop.h"
#include "cli/command.h"
#include "cli/print.h"
#include "lake/keeper.h"
#include "serve/server.h"

namespace palate {
namespace {

Status serve(Context& context) {
  // The data first in memory, the server first on the wire: what is in flight ends before the data
  // does, and probes are answered while the log is read back.
  std::unique_ptr<DataDirectory> data;
  std::unique_ptr<KafkaStream> stream;
  auto server = TRY(Server::listen(context.settings.serve));
  std::error_code ignored;
  const bool is_new = !std::filesystem::exists(context.settings.data.dir, ignored);
  data = TRY(context.open_data(OpenMode::kWriter));
  if (is_new)
    log_warning("{} was not there: this is a new, empty data directory", data->root().string());
  stream = context.follow(*data);
  const Server::Parts parts{.data = data.get(),
                            .types = &context.settings.types,
                            .tenant = {context.settings.data.tenant},
                            .config = context.settings.serve,
                            .intake = stream.get(),
                            .recommend = context.settings.recommend,
                            .decisions = context.settings.decisions,
                            .pipelines = &context.settings.pipelines,
                            .shelves = &context.settings.shelves};
  server->open(parts);
  const std::unique_ptr<Upkeep> upkeep = context.look_after(*data);
  std::optional<lake::LakeKeeper> keeper;
  if (context.settings.lake.every_s > 0) {
    auto source = lake::source_of(data->log(), context.settings.types, data->hash(),
                                  {context.settings.data.tenant});
    source.schema_now = [&data](Stream of) { return data->contract()->schema_name(of); };
    keeper.emplace(lake::LakeDirectory(context.lake_root()), std::move(source),
                   context.settings.lake);
  }
  print_line(fmt::format("serving {} on http://{}:{}", data->root().string(),
                         context.settings.serve.host, server->port()));
  std::fflush(stdout);  // a script waits for this line
  on_hangup([&] { server->reload(); });
  const Status stopped = server->run_until(process_stop_token());
  on_hangup(nullptr);
  TRY(stopped);
  log_info("drained; everything acknowledged is on disk");
  return {};
}

}  // namespace

Command serve_command() {
  return {"serve", "Serve the data directory over HTTP until Ctrl-C or SIGTERM",
          "Examples:\n  palate serve\n  palate serve --port 9000 --data shop\n"
          "  curl 'http://127.0.0.1:8080/v1/recommendations?user=u00001&n=5'",
          [](CommandFlags& command) {
            auto port = std::make_shared<std::optional<int>>();
            command.add("--port", *port, "Where to listen (serve.port); 0 takes a free one");
            return std::function<Status(Context&)>([port](Context& context) -> Status {
              if (*port) {
                TRY(context.settings.schema.apply_flag("serve.port", std::to_string(**port)));
              }
              return serve(context);
            });
          }};
}

}  // namespace palate
