#include <chrono>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/import_report.h"
#include "cli/print.h"
#include "events/quarantine_files.h"
#include "ingest/import_source.h"
#include "ingest/replay.h"

namespace palate {
namespace {

struct Flags {
  std::string action;
  std::vector<std::string> ids;
  std::string reason;
  size_t limit = 20;
  double older_than_days = -1;
  bool all = false;
};

Path tenant_of(const Context& context) {
  return Path(context.settings.data.dir) / context.settings.data.tenant;
}

Path folder_of(const Context& context) { return tenant_of(context) / "quarantine"; }

nlohmann::ordered_json summary_json(const QuarantineSummary& summary) {
  return {{"id", summary.id},           {"source", summary.source},
          {"rows", summary.rows},       {"bytes", summary.bytes},
          {"reasons", summary.reasons}, {"can_be_replayed", summary.can_be_replayed},
          {"damage", summary.damage}};
}

Status list(const Context& context) {
  const auto all = TRY(list_quarantine(folder_of(context)));
  const auto batches = TRY(list_set_aside(tenant_of(context)));
  if (context.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const QuarantineSummary& summary : all) json.push_back(summary_json(summary));
    nlohmann::ordered_json aside = nlohmann::ordered_json::array();
    for (const SetAside& batch : batches) {
      aside.push_back({{"id", batch.id},
                       {"path", batch.path.string()},
                       {"rows", batch.profile.rows},
                       {"reasons", batch.reasons}});
    }
    print_json({{"refused", json}, {"set_aside", aside}});
    return {};
  }
  if (all.empty() && batches.empty()) print_line("nothing is in quarantine");
  for (const QuarantineSummary& summary : all) {
    std::string reasons;
    for (const auto& [reason, count] : summary.reasons) {
      reasons += fmt::format("  {} {}", human_count(count), reason);
    }
    print_line(fmt::format("{}  {} rows, {}{}{}", summary.id, human_count(summary.rows),
                           human_bytes(summary.bytes), reasons,
                           summary.can_be_replayed ? "" : "  (cannot be replayed)"));
    if (!summary.damage.empty()) print_line("  damaged: " + summary.damage);
  }
  for (const SetAside& batch : batches) {
    print_line(fmt::format("{}  set aside: {}", batch.id, fmt::join(batch.reasons, "; ")));
  }
  return {};
}

// The ids that were named, or with --all, --older-than those that are meant.
Result<std::vector<Path>> chosen(const Context& context, const Flags& flags) {
  std::vector<Path> paths;
  for (const std::string& id : flags.ids) {
    if (flags.action == "drop" && find_set_aside(tenant_of(context), id)) {
      paths.push_back(folder_of(context) / "batches" / (id + ".json"));
    } else {
      paths.push_back(TRY(find_quarantine(folder_of(context), id)));
    }
  }
  const bool by_age = flags.older_than_days >= 0;
  if (!flags.ids.empty() && !flags.all && !by_age) return paths;
  if (!flags.ids.empty() || (!flags.all && !by_age)) {
    return fail(Code::kInvalidArgument,
                "which ones? Name ids (palate quarantine list shows them), or --all, or "
                "--older-than DAYS");
  }
  for (const QuarantineSummary& summary : TRY(list_quarantine(folder_of(context)))) {
    std::error_code error;
    const auto written = std::filesystem::last_write_time(summary.path, error);
    const auto age = std::filesystem::file_time_type::clock::now() - written;
    const double days = std::chrono::duration<double, std::ratio<86'400>>(age).count();
    if (!error && (!by_age || days > flags.older_than_days)) paths.push_back(summary.path);
  }
  return paths;
}

Status show(const Context& context, const Flags& flags) {
  uint64_t shown = 0, more = 0;
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Path& path : TRY(chosen(context, flags))) {
    TRY(read_quarantine(path, [&](const QuarantineLine& line) -> Status {
      if (line.recipe || (!flags.reason.empty() && line.row.reason != flags.reason)) return {};
      if (shown == flags.limit) {
        ++more;
        return {};
      }
      ++shown;
      if (context.json) {
        rows.push_back(nlohmann::ordered_json::parse(line.row.json));
      } else {
        print_line(fmt::format("{}:{}  {}: {}\n  {}", line.row.file, line.row.line, line.row.reason,
                               line.row.message, printable(line.row.bytes)));
      }
      return {};
    }));
  }
  if (context.json) {
    print_json(rows);
  } else if (more > 0) {
    print_line(fmt::format("… and {} more (--limit)", human_count(more)));
  }
  return {};
}

Status drop(const Context& context, const Flags& flags) {
  const auto paths = TRY(chosen(context, flags));
  for (const Path& path : paths) {
    std::error_code error;
    std::filesystem::remove(path, error);
    if (error) return std::unexpected(errno_error(error.value(), "remove", path));
  }
  if (context.json) {
    print_json({{"dropped", paths.size()}});
  } else {
    print_line(fmt::format("{} dropped",
                           paths.size() == 1 ? "1 file" : fmt::format("{} files", paths.size())));
  }
  return {};
}

nlohmann::ordered_json replay_json(const ReplaySummary& summary) {
  return {{"tried", summary.tried},
          {"accepted", summary.accepted},
          {"duplicates", summary.duplicates},
          {"rejected", summary.rejected},
          {"kept", summary.kept},
          {"quarantine", summary.quarantine.string()}};
}

void print_replay(const Path& path, const ReplaySummary& summary) {
  print_line(fmt::format("{}: {} tried, {} accepted, {} known already", path.stem().string(),
                         human_count(summary.tried), human_count(summary.accepted),
                         human_count(summary.duplicates)));
  for (const auto& [reason, count] : summary.rejected) {
    print_line(fmt::format("  {} refused again: {}", human_count(count), reason));
  }
  if (!summary.quarantine.empty()) print_line("  they are in " + summary.quarantine.string());
  if (summary.kept > 0) {
    print_line(fmt::format("  {} stay: of another reason, or they cannot be read again",
                           human_count(summary.kept)));
  }
}

// Rows of users who asked to be forgotten are not taken in again.
Result<std::unique_ptr<DataDirectory>> open_for_replay(const Context& context) {
  TRY(context.check_embedded("palate quarantine"));
  auto data = TRY(context.open_data(OpenMode::kWriter));
  TRY(data->forgetting().sweep(process_stop_token()));
  return data;
}

Status replay(const Context& context, const Flags& flags) {
  const auto data = TRY(open_for_replay(context));
  const auto paths = TRY(chosen(context, flags));
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Path& path : paths) {
    const ReplaySummary summary = TRY(replay_quarantine(
        path,
        {.types = &context.settings.types, .reason = flags.reason, .stop = process_stop_token()},
        *data));
    if (context.json) {
      all.push_back(replay_json(summary));
    } else {
      print_replay(path, summary);
    }
  }
  if (context.json) print_json(all);
  return {};
}

// Takes in what was set aside, if it is still the same file.
Status release(const Context& context, const Flags& flags) {
  if (flags.ids.empty()) {
    return fail(Code::kInvalidArgument,
                "which one? palate quarantine list shows what is set aside");
  }
  const auto data = TRY(open_for_replay(context));
  for (const std::string& id : flags.ids) {
    const SetAside batch = TRY(find_set_aside(data->root(), id));
    if (TRY(source_digest(batch.path, batch.mapping)) != batch.digest) {
      return fail(
          Code::kConflict,
          "{} is not the file any more that was set aside; import it once more, and drop {}",
          batch.path.string(), id);
    }
    const ImportFile file{batch.path, batch.mapping};
    ImportOptions options;
    options.types = &context.settings.types;
    options.stop = process_stop_token();
    const ImportSummary summary = TRY(import_events({&file, 1}, options, *data));
    TRY(drop_set_aside(data->root(), id));
    if (context.json) {
      print_json(summary_json(summary));
    } else {
      print_summary("events", 1, summary);
    }
  }
  return {};
}

Status run(const Context& context, const Flags& flags) {
  if (flags.action == "list") return list(context);
  if (flags.action == "show") return show(context, flags);
  if (flags.action == "drop") return drop(context, flags);
  if (flags.action == "release") return release(context, flags);
  return replay(context, flags);
}

}  // namespace

Command quarantine_command() {
  return {
      "quarantine", "What was refused, with its reason: look at it, try it again, drop it",
      "Examples:\n  palate quarantine list\n  palate quarantine show 20261121-101500-events\n"
      "  palate quarantine replay --all --reason schema   # after palate schema evolve\n"
      "  palate quarantine release 20261121-101500-clicks.csv   # a file that was set aside\n"
      "  palate quarantine drop --older-than 30\n"
      "Rows keep their original bytes and how they were read. What a replay refuses again is in "
      "quarantine\nagain, what it accepts is logged as if it had come then: twice the same adds "
      "nothing.",
      [](CommandFlags& command) {
        auto flags = std::make_shared<Flags>();
        command.add("action", flags->action, "list, show, replay, release or drop")
            .required()
            .one_of({"list", "show", "replay", "release", "drop"});
        command.add("ids", flags->ids, "Which ones; list shows them");
        command.add("--all", flags->all, "All of them");
        command.add("--older-than", flags->older_than_days, "Those older than so many days");
        command.add("--reason", flags->reason,
                    "show, replay: only rows refused for this (schema, bad_time, …)");
        command.add("--limit", flags->limit, "show: how many rows").show_default();
        return std::function<Status(Context&)>(
            [flags](Context& context) { return run(context, *flags); });
      }};
}

}  // namespace palate
