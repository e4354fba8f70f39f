#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "operate/inventory.h"
#include "registry/registry.h"

namespace palate {
namespace {

nlohmann::ordered_json inventory_json(const Inventory& inventory) {
  nlohmann::ordered_json types = nlohmann::ordered_json::object();
  for (const auto& [name, count] : inventory.events_by_type) types[name] = count;
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const auto& model : inventory.models) {
    models.push_back({{"kind", model.kind},
                      {"version", model.version},
                      {"bytes", model.bytes},
                      {"created", model.created},
                      {"damage", model.damage},
                      {"live", model.live}});
  }
  return {
      {"directory", inventory.directory},
      {"events", inventory.events},
      {"events_by_type", types},
      {"users", inventory.users},
      {"items", inventory.items},
      {"items_described", inventory.items_described},
      {"first",
       inventory.first ? nlohmann::ordered_json(format_rfc3339(*inventory.first)) : nullptr},
      {"last", inventory.last ? nlohmann::ordered_json(format_rfc3339(*inventory.last)) : nullptr},
      {"sample_user", inventory.sample_user},
      {"release", inventory.release},
      {"models", models},
      {"quarantined_files", inventory.quarantine_files},
      {"bytes_on_disk", inventory.bytes_on_disk}};
}

void print_inventory(const Inventory& inventory) {
  print_line(inventory.directory);
  print_line(fmt::format("  events  {}", human_count(inventory.events)));
  for (const auto& [name, count] : inventory.events_by_type) {
    print_line(fmt::format("          {} {}", human_count(count), name));
  }
  print_line(
      fmt::format("  users   {} with likes, dislikes or a profile", human_count(inventory.users)));
  print_line(fmt::format("  items   {} ({} described)", human_count(inventory.items),
                         human_count(inventory.items_described)));
  if (inventory.first && inventory.last->us == 0) {
    print_line("  time    none: the events came without times");
  } else if (inventory.first) {
    print_line(fmt::format("  time    {} to {}", format_rfc3339(*inventory.first),
                           format_rfc3339(*inventory.last)));
  }
  print_line(fmt::format("  disk    {}", human_bytes(inventory.bytes_on_disk)));
  if (inventory.quarantine_files > 0) {
    print_line(fmt::format("  quarantine  {} with refused rows under {}/quarantine",
                           inventory.quarantine_files == 1
                               ? "1 file"
                               : fmt::format("{} files", inventory.quarantine_files),
                           inventory.directory));
  }
  if (inventory.models.empty()) print_line("  models  none yet: palate train");
  for (const auto& model : inventory.models) {
    print_line(fmt::format("  model   {} {}  {}  {}{}", model.kind, model.version, model.created,
                           human_bytes(model.bytes), model.live ? "  live" : ""));
    if (!model.damage.empty()) print_line("          damaged: " + model.damage);
  }
  if (inventory.release > 0) {
    print_line(fmt::format("  release {} is live; try: palate recommend {}", inventory.release,
                           inventory.sample_user));
  }
}

}  // namespace

Command status_command() {
  return {"status", "What is in the data directory: events, users, items, times, models, size",
          "Examples:\n  palate status\n  palate status --data shop --json", [](CommandFlags&) {
            return std::function<Status(Context&)>([](Context& context) -> Status {
              auto data = TRY(context.open_data(OpenMode::kReader));
              const Inventory inventory =
                  TRY(take_inventory(*data, context.settings.types, process_stop_token()));
              if (context.json)
                print_json(inventory_json(inventory));
              else
                print_inventory(inventory);
              return {};
            });
          }};
}

}  // namespace palate
