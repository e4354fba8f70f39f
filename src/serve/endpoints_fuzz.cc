// Bytes as a client may send them, straight into the endpoints: the first byte picks the route, a
// newline ends path and query, the rest is the body. Every answer must be JSON (or a page), of a
// status that is no fault of ours.
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

#include <simdjson.h>

#include "base/check.h"
#include "serve/app.h"
#include "serve/direct_for_test.h"

namespace palate {
namespace {

// One data directory for the whole run, without a release: answers are 503 where a model is asked.
struct World {
  Path root = std::filesystem::temp_directory_path() / fmt::format("palate-fuzz-{}", getpid());
  EventTypes types = EventTypes::defaults();
  std::unique_ptr<DataDirectory> data;
  std::unique_ptr<DecisionLog> decisions;
  std::unique_ptr<LiveModels> models;
  std::unique_ptr<RefusedEvents> quarantine;
  ErrorBudgets budgets{0.5};
  Pipelines pipelines;
  ShelfPages shelves;
  ServeMetrics metrics{endpoint_names(), Tenant{}};
  App app;

  World() {
    // simdjson chooses its kernels in a static of its own; used here first, it outlives this world,
    // whose threads still write refused events while the process ends.
    PALATE_CHECK(simdjson::validate_utf8("", 0), "nothing is valid UTF-8");
    DataDirectoryOptions options;
    options.data = root;
    options.mode = OpenMode::kWriter;
    auto opened = DataDirectory::open(options, types);
    PALATE_CHECK(opened.has_value(), "a temporary data directory opens");
    data = std::move(*opened);
    decisions = std::make_unique<DecisionLog>(data->ingest(), DecisionConfig{.share = 1});
    models = std::make_unique<LiveModels>(LiveModels::Parts{
        .tenant_directory = data->root(),
        .state = &data->state(),
        .pipelines = &pipelines,
        .decisions = &decisions->sink(),
        .poll_ms = ServeConfig{}.release_poll_ms,
    });
    app.data = data.get();
    app.intake = &data->ingest();
    app.types = &types;
    app.models = models.get();
    app.decisions = decisions.get();
    app.pipelines = &pipelines;
    app.shelves = &shelves;
    quarantine = std::make_unique<RefusedEvents>(data->root() / "quarantine");
    app.metrics = &metrics;
    app.quarantine = quarantine.get();
    app.budgets = &budgets;
    app.config.after_wait_ms_max = 0;
    app.connections = [] { return size_t{1}; };
  }
  ~World() {
    quarantine.reset();
    models.reset();
    decisions.reset();
    data.reset();
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }
};

void check_answer(const Response& response) {
  PALATE_CHECK(response.status < 500 || response.status == 503, "no server error");
  if (response.content_type.find("json") == std::string_view::npos) return;
  if (response.status == 204) return;
  simdjson::dom::parser parser;
  PALATE_CHECK(parser.parse(response.body).error() == simdjson::SUCCESS, "the answer is JSON");
}

}  // namespace
}  // namespace palate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  static World world;
  if (size == 0) return 0;
  const Route& route = routes()[data[0] % routes().size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t line = std::min(text.find('\n'), text.size());
  std::string target(route.path);
  if (target.ends_with("{id}")) target.resize(target.size() - 4);
  target += text.substr(0, line);
  const size_t mark = std::min(target.find('?'), target.size());
  const std::string_view whole(target);
  check_answer(call(world.app, {.method = route.method,
                                .path = whole.substr(0, mark),
                                .query = whole.substr(std::min(mark + 1, whole.size())),
                                .content_type = "",
                                .body = text.substr(std::min(line + 1, text.size()))}));
  return 0;
}
