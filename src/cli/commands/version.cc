#include "base/version.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "events/schema.h"

namespace palate {

Command version_command() {
  return {"version", "Say which palate this is", "Example:\n  palate version --json",
          [](CommandFlags&) {
            return std::function<Status(Context&)>([](Context& context) -> Status {
              if (context.json)
                print_json({{"version", version()}, {"schemas", kSchemaIds}});
              else
                print_line(fmt::format("palate {}", version()));
              return {};
            });
          }};
}

}  // namespace palate
