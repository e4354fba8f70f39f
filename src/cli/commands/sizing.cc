#include "operate/sizing.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"

namespace palate {
namespace {

nlohmann::ordered_json parts_json(const std::vector<Sizing::Part>& parts) {
  nlohmann::ordered_json json = {{"total", Sizing::total(parts)}};
  for (const auto& part : parts) json[std::string(part.name)] = part.bytes;
  return json;
}

void print_parts(std::string_view title, const std::vector<Sizing::Part>& parts) {
  print_line(fmt::format("{}: {}", title, human_bytes(Sizing::total(parts))));
  for (const auto& part : parts) {
    print_line(fmt::format("  {:<24} {:>10}  {}", part.name, human_bytes(part.bytes), part.why));
  }
}

Status show_sizing(const Context& context, SizingInput input, double described_share) {
  const DataConfig& data = context.settings.data;
  input.dedup_events = static_cast<uint64_t>(data.dedup_events);
  input.users_cache_bytes = static_cast<uint64_t>(data.users_mib) << 20;
  input.items_described = static_cast<uint64_t>(static_cast<double>(input.items) * described_share);
  const Sizing sizing = predict_sizes(input);
  if (context.json) {
    print_json({{"users", input.users},
                {"items", input.items},
                {"events", input.events},
                {"dimensions", input.dimensions},
                {"items_described", input.items_described},
                {"item_id_bytes", input.item_id_bytes},
                {"memory", parts_json(sizing.memory)},
                {"caches_at_most", parts_json(sizing.caches)},
                {"disk", parts_json(sizing.disk)}});
    return {};
  }
  print_parts("memory of a server, started", sizing.memory);
  print_parts("and at most, with traffic", sizing.caches);
  print_parts("disk", sizing.disk);
  print_line(
      "Models alive are `als` and `popularity`, one version each. Contexts and long descriptions "
      "add "
      "what they hold; docs/sizing.md says what was measured.");
  return {};
}

}  // namespace

Command sizing_command() {
  return {"sizing", "How much memory and disk so many users, items and events will take",
          "Examples:\n  palate sizing --users 1000000 --items 100000 --events 50000000\n"
          "  palate sizing --users 5000 --items 2000 --events 500000 --dimensions 128 --json",
          [](CommandFlags& command) {
            constexpr uint64_t kMost = uint64_t{1} << 40;
            auto input = std::make_shared<SizingInput>();
            auto described = std::make_shared<double>(1.0);
            const auto size = [&](const char* flag, uint64_t& to, uint64_t most, const char* what) {
              return command.add(flag, to, what).between(uint64_t{0}, most);
            };
            size("--users", input->users, 0xffff'fff0, "How many users").required();
            size("--items", input->items, 0xffff'fff0, "How many items").required();
            size("--events", input->events, kMost, "How many events in all").required();
            size("--dimensions", input->dimensions, 4096, "Numbers a vector (default 64)");
            size("--item-id-bytes", input->item_id_bytes, 65'536,
                 "Bytes of an item's id; 0 (default): a prefix and a number");
            command
                .add("--described", *described,
                     "Share of items with titles and the like (default 1)")
                .between(0.0, 1.0);
            return std::function<Status(Context&)>([input, described](Context& context) {
              return show_sizing(context, *input, *described);
            });
          }};
}

}  // namespace palate
