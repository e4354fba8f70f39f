// How ids share rows: what each way costs and mixes up, and examples written again with one.
#include <cstdio>

#include <nlohmann/json.hpp>

#include "dataset/example_rows.h"
#include "train_cli/command.h"

namespace palate {
namespace {

struct Flags {
  std::vector<std::string> examples, also;
  std::string out;
  ExamplesConfig config;
  int width = RankerConfig().width, narrow_width = RankerConfig().narrow_width;
  bool json = false;
};

Status ids(const Flags& flags) {
  std::vector<Examples> training, all;
  for (const auto* list : {&flags.examples, &flags.also}) {
    for (const std::string& path : *list) {
      all.push_back(TRY(Examples::open(path)));
      if (!(all.back().schema() == all.front().schema())) {
        return fail(Code::kInvalidArgument, "{} has other columns than {}", path,
                    flags.examples.front());
      }
      if (list == &flags.examples) training.push_back(all.back());
    }
  }
  const ExampleSchema& schema = all.front().schema();
  for (const IdColumn& column : schema.ids) {
    if (!column.sum && !column.name.ends_with(kNarrowSuffix)) continue;
    return fail(Code::kInvalidArgument,
                "ids of '{}' share rows already: give examples whose ids have a row each",
                column.name);
  }
  const Admission admission = TRY(admission_of(flags.config, {0}));
  const ColumnUses uses = column_uses(training);
  const auto choices = field_choices(schema, uses, admission);
  if (flags.json) {
    std::printf("%s\n", json_of(choices, flags.width, flags.narrow_width).dump().c_str());
  } else {
    std::printf("%s\n", describe(choices, flags.width, flags.narrow_width).c_str());
  }
  if (flags.out.empty()) return {};
  const ExampleRows rows(schema, uses, admission);
  size_t at = 0;
  for (const auto* list : {&flags.examples, &flags.also}) {
    for (const std::string& path : *list) {
      const Path name = Path(path).lexically_normal();
      const Path last = name.has_filename() ? name.filename() : name.parent_path().filename();
      TRY(TRY(rows.again(all[at++])).save(Path(flags.out) / last));
    }
  }
  return {};
}

}  // namespace

std::function<Status()> declare_ids(CommandFlags& command) {
  auto flags = std::make_shared<Flags>();
  command.add("examples", flags->examples, "Examples to learn from, whose ids are counted")
      .required();
  command.add("--also", flags->also, "Examples that are written again along with them");
  command.add("--out", flags->out, "A directory for them, under their names; none: only say");
  command
      .add("--rare", flags->config.rare,
           "What rare ids read: shared, hashed, quotient_remainder or narrow")
      .show_default();
  command
      .add("--min", flags->config.vocabulary_min,
           "Examples from which on an id has a row of its own")
      .between(1, 1000000000)
      .show_default();
  command.add("--rare-rows", flags->config.rare_rows, "Rows of a table that rare ids share")
      .between(1, 1 << 30)
      .show_default();
  command
      .add("--rare-min", flags->config.rare_min,
           "Examples from which on a rare id has a narrow row")
      .between(1, 1000000000)
      .show_default();
  command.add("--width", flags->width, "Of embeddings, for what tables take")
      .between(1, 1024)
      .show_default();
  command.add("--narrow-width", flags->narrow_width, "Of narrow ones")
      .between(1, 1024)
      .show_default();
  command.add("--json", flags->json, "A list of objects rather than a table");
  return [flags] { return ids(*flags); };
}

}  // namespace palate
