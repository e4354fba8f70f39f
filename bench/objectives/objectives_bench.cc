// Rankers of one objective and of several, where it is known what satisfies: the two halves around
// `palate-train fit` that bench/objectives/objectives.py runs.
//   objectives_bench examples OUT [--simulate.users=… …]
// plays a world behind its own policy and writes OUT/<plan>/{train,held_out} and OUT/judged. Plans:
// "click"; "watched", the share watched of what was clicked; "enjoyed", the share watched, 0
// without a click; "both", click and watched.
//   objectives_bench scores NETWORK OUT/judged
// prints, as JSON, what each output says of each row of the drawn pages.
//   objectives_bench truth OUT/judged
// prints their users, and what is true of each row: attraction and satisfaction.
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "bias/page_scores.h"
#include "world_flags.h"

namespace palate::bench {
namespace {

using Json = nlohmann::json;
using LabelOf = float (*)(const LoggedRow&);

bool clicked(const LoggedRow& row) { return row.shown.response > 0; }
float click(const LoggedRow& row) { return clicked(row) ? 1.0F : 0.0F; }
float enjoyed(const LoggedRow& row) { return std::min(row.watched, 1.0F); }
float watched(const LoggedRow& row) {
  return clicked(row) ? enjoyed(row) : std::numeric_limits<float>::quiet_NaN();
}

const std::map<std::string, std::map<std::string, LabelOf>> kPlans = {
    {"click", {{"click", click}}},
    {"watched", {{"watched", watched}}},
    {"enjoyed", {{"enjoyed", enjoyed}}},
    {"both", {{"click", click}, {"watched", watched}}},
};

Status write_plan(const World& world, std::span<const LoggedRow> rows,
                  const std::map<std::string, LabelOf>& labels, const Path& out) {
  for (const bool apart : {false, true}) {
    ShownColumns columns(world, {});
    for (const auto& [name, label] : labels) columns.label(name);
    for (const LoggedRow& row : rows) {
      if (held_out(world, row) != apart) continue;
      columns.add(row.user, row.item, row.day, row.shown.position);
      size_t place = 0;
      for (const auto& [name, label] : labels) {
        columns.columns().labels[place++].push_back(label(row));
      }
    }
    TRY(std::move(columns).save(out / (apart ? "held_out" : "train")));
  }
  return {};
}

Status write(std::span<char*> arguments) {
  const Path out = arguments[0];
  const World world = world_of(arguments.subspan(1));
  const Truth truth(world);
  const double judged_from_day = 0.8 * static_cast<double>(world.config().days);
  const auto log = TRY(log_of(world, OldRanker::kOwn));
  std::vector<LoggedRow> rows;
  for (const LoggedRow& row : log) {
    if (row.day < judged_from_day) rows.push_back(row);
  }
  for (const auto& [plan, labels] : kPlans) TRY(write_plan(world, rows, labels, out / plan));
  ShownColumns judged(world, {});
  for (const char* name : {"attraction", "satisfaction"}) judged.label(name);
  judged.id("judged_user");
  for (const DrawnRow& row : drawn_pages(world, log, judged_from_day)) {
    judged.add(row.user, row.item, row.day, 0);
    auto& columns = judged.columns();
    columns.labels[0].push_back(static_cast<float>(truth.attraction(row.user, row.item, row.day)));
    columns.labels[1].push_back(
        static_cast<float>(truth.satisfaction(row.user, row.item, row.day)));
    columns.ids.back().values.push_back(row.user);
  }
  TRY(std::move(judged).save(out / "judged"));
  std::puts(Json{{"rows", rows.size()}, {"plans", kPlans.size()}}.dump().c_str());
  return {};
}

Status print_scores(std::span<char*> arguments) {
  const auto artefact = TRY(Artefact::open(arguments[0]));
  const auto network = TRY(Network::load(artefact));
  const auto scores = TRY(scores_of(*network, TRY(Examples::open(arguments[1]))));
  Json json;
  for (size_t i = 0; i < scores.size(); ++i) json[network->spec().outputs[i].name] = scores[i];
  std::puts(json.dump().c_str());
  return {};
}

Status print_truth(const Path& judged) {
  const Examples pages = TRY(Examples::open(judged));
  const size_t user = column_named(pages.schema().ids, "judged_user");
  Json json = {{"page", kPageRows}};
  for (size_t row = 0; row < pages.rows(); ++row) json["user"].push_back(pages.ids(user, row)[0]);
  for (size_t label = 0; label < 2; ++label) {
    const auto values = pages.label(label);
    json[pages.schema().labels[label]] = std::vector<float>(values.begin(), values.end());
  }
  std::puts(json.dump().c_str());
  return {};
}

Status run(std::span<char*> arguments) {
  const std::string_view what = arguments.size() > 1 ? arguments[1] : "";
  if (what == "examples" && arguments.size() >= 3) return write(arguments.subspan(2));
  if (what == "scores" && arguments.size() == 4) return print_scores(arguments.subspan(2));
  if (what == "truth" && arguments.size() == 3) return print_truth(arguments[2]);
  return fail(
      Code::kInvalidArgument,
      "objectives_bench examples OUT [--simulate.…] | scores NETWORK JUDGED | truth JUDGED");
}

}  // namespace
}  // namespace palate::bench

int main(int count, char** arguments) {
  const auto done = palate::bench::run({arguments, static_cast<size_t>(count)});
  if (!done) std::fprintf(stderr, "objectives_bench: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
