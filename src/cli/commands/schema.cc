#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "events/schema/builtin_schema.h"
#include "events/schema/schema_registry.h"

namespace palate {
namespace {

struct Flags {
  std::string action;
  std::string kind;
  std::string file;           // the schema that is to come
  uint32_t version = 0;       // 0: the current one
  uint32_t to = 0;            // diff: 0: `file`, or the current one
  std::string compatibility;  // empty: the config's
  bool dry_run = false;
};

Result<SchemaRegistry> open_registry(const Context& context) {
  const Path root = Path(context.settings.data.dir) / context.settings.data.tenant;
  std::error_code ignored;
  if (!std::filesystem::exists(root / "FORMAT", ignored)) {
    return fail(Code::kNotFound,
                "{}: there is no data directory here; fill it first (palate import, palate serve), "
                "or say where it is: --data",
                root.string());
  }
  return SchemaRegistry::open(root);
}

Status show_all(const Context& context, const SchemaRegistry& registry) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const Stream stream : {Stream::kEvents, Stream::kItems, Stream::kUsers}) {
    const auto& current = registry.current(stream);
    const auto changes = compare_schemas(builtin_schema(stream), current.schema);
    json[std::string(schema_kind(stream))] = {{"version", current.number},
                                              {"changes_to_built_in", changes.size()}};
    if (context.json) continue;
    print_line(fmt::format("{:<6} version {}, {}", schema_kind(stream), current.number,
                           changes.empty()
                               ? "as built in"
                               : fmt::format("{} changes to what is built in", changes.size())));
    for (const SchemaChange& change : changes) {
      print_line(fmt::format("         {}: {}", change.path, change.sentence));
    }
  }
  if (context.json) print_json(json);
  return {};
}

Result<const SchemaRegistry::Entry*> entry(const SchemaRegistry& registry, Stream stream,
                                           uint32_t number) {
  return number == 0 ? &registry.current(stream) : registry.version(stream, number);
}

nlohmann::ordered_json changes_json(const std::vector<SchemaChange>& changes) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const SchemaChange& change : changes) {
    list.push_back({{"path", change.path},
                    {"change", change.sentence},
                    {"backward", change.backward},
                    {"forward", change.forward}});
  }
  return list;
}

void print_changes(const std::vector<SchemaChange>& changes) {
  if (changes.empty()) return print_line("no difference in what they allow");
  for (const SchemaChange& change : changes) {
    const std::string_view effect = change.backward && change.forward ? ""
                                    : change.backward                 ? "  (allows more)"
                                    : change.forward ? "  (allows less: not backward compatible)"
                                                     : "  (not compatible)";
    print_line(fmt::format("{}: {}{}", change.path, change.sentence, effect));
  }
}

Result<std::string> read_document(const Flags& flags) {
  if (flags.file.empty()) {
    return fail(Code::kInvalidArgument,
                "which schema? palate schema show {0} > {0}.json, change it, and name the file",
                flags.kind);
  }
  return read_file(flags.file, 1 << 20);
}

Status diff(const Context& context, const Flags& flags, const SchemaRegistry& registry) {
  const Stream stream = TRY(schema_stream(flags.kind));
  const SchemaNode before = TRY(entry(registry, stream, flags.version))->schema;
  SchemaNode after;
  if (flags.file.empty()) {
    after = TRY(entry(registry, stream, flags.to))->schema;
  } else {
    auto parsed = parse_schema_of(stream, TRY(read_document(flags)));
    if (!parsed) return std::unexpected(parsed.error().within(flags.file));
    after = std::move(*parsed);
  }
  const auto changes = compare_schemas(before, after);
  if (context.json) {
    print_json(changes_json(changes));
  } else {
    print_changes(changes);
  }
  return {};
}

Status evolve(const Context& context, const Flags& flags, SchemaRegistry& registry) {
  const Stream stream = TRY(schema_stream(flags.kind));
  const std::string text = TRY(read_document(flags));
  const std::string& rule =
      flags.compatibility.empty() ? context.settings.validation.compatibility : flags.compatibility;
  const Compatibility wanted = TRY(compatibility_from(rule));
  auto parsed = parse_schema_of(stream, text);
  if (!parsed) return std::unexpected(parsed.error().within(flags.file));
  const uint32_t before = registry.current(stream).number;
  const auto changes = compare_schemas(registry.current(stream).schema, *parsed);
  if (!context.json) print_changes(changes);
  TRY(check_compatible(changes, wanted));
  const uint32_t number = flags.dry_run ? before : TRY(registry.evolve(stream, text, wanted));
  if (context.json) {
    print_json(
        {{"version", number}, {"new", number != before}, {"changes", changes_json(changes)}});
  } else if (flags.dry_run) {
    print_line(fmt::format("{} compatible; nothing was changed (--dry-run)", rule));
  } else {
    print_line(
        number == before
            ? fmt::format("{}/{} stays as it is", flags.kind, number)
            : fmt::format("{}/{} holds from now on; a running server follows within a second",
                          flags.kind, number));
  }
  return {};
}

Status run(const Context& context, const Flags& flags) {
  SchemaRegistry registry = TRY(open_registry(context));
  if (flags.action == "show" && flags.kind.empty()) return show_all(context, registry);
  if (flags.kind.empty()) return fail(Code::kInvalidArgument, "which one: event, item or user?");
  if (flags.action == "diff") return diff(context, flags, registry);
  if (flags.action == "evolve") return evolve(context, flags, registry);
  const Stream stream = TRY(schema_stream(flags.kind));
  std::fputs(TRY(entry(registry, stream, flags.version))->text.c_str(), stdout);
  return {};
}

}  // namespace

Command schema_command() {
  return {"schema",
          "What events, items and users must be: show it, compare, change it by the rules",
          "Examples:\n  palate schema show\n  palate schema show event > event.json\n"
          "  palate schema diff event event.json\n  palate schema evolve event event.json\n"
          "A schema is JSON Schema (draft 2020-12); the keywords that are understood: "
          "docs/formats/schema.md.\nA change that makes data invalid which is there already is "
          "refused, unless --compatibility says otherwise.",
          [](CommandFlags& command) {
            auto flags = std::make_shared<Flags>();
            command.add("action", flags->action, "show, diff or evolve")
                .required()
                .one_of({"show", "diff", "evolve"});
            command.add("kind", flags->kind, "event, item or user");
            command.add("file", flags->file, "The schema that is to come");
            command.add("--version", flags->version,
                        "Which one to show, or to compare with; the current one by default");
            command.add("--to", flags->to, "diff without a file: compare with this version");
            command.add("--compatibility", flags->compatibility,
                        "backward, forward, full or none, instead of validation.compatibility");
            command.add("--dry-run", flags->dry_run, "Only say what would change");
            return std::function<Status(Context&)>(
                [flags](Context& context) { return run(context, *flags); });
          }};
}

}  // namespace palate
