#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"

namespace palate {

Command init_command() {
  return {"init", "Write the commented settings file, palate.toml",
          "Examples:\n  palate init\n  palate init --file staging.toml --force",
          [](CommandFlags& command) {
            struct Flags {
              std::string file = "palate.toml";
              bool force = false;
            };
            auto flags = std::make_shared<Flags>();
            command.add("--file", flags->file, "Where to write it").show_default();
            command.add("--force", flags->force, "Replace a file that is there");
            return std::function<Status(Context&)>([flags](Context& context) -> Status {
              if (!flags->force && std::filesystem::exists(flags->file)) {
                return fail(Code::kAlreadyExists, "{} exists; --force replaces it", flags->file);
              }
              TRY(write_file_atomically(flags->file, context.settings.schema.to_toml()));
              if (context.json)
                print_json({{"wrote", flags->file}});
              else
                print_line(fmt::format("wrote {}; edit it, then: palate check", flags->file));
              return {};
            });
          }};
}

}  // namespace palate
