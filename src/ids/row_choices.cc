#include "ids/row_choices.h"

#include <utility>

namespace palate {
namespace {

using Uses = std::map<std::string, IdUse>;

// What these rows mix up of these ids.
RowChoice row_choice(std::string name, const NameRows& rows, Reads reads, const Uses& uses) {
  RowChoice choice{.name = std::move(name), .rows = rows.rows()};
  if (!rows.narrow().empty()) choice.narrow_rows = rows.narrow().size() + 1;
  struct Readers {
    uint64_t ids = 0, times = 0;
  };
  std::map<std::pair<IdRows, uint32_t>, Readers> readers;
  for (const auto& [id, use] : uses) {
    if (id.empty() || use.times == 0) continue;
    const IdRows read = reads == Reads::kBag ? IdRows{{rows.row_of(id), 0}, 1} : rows.rows_of(id);
    Readers& same = readers[{read, rows.narrow_row(id)}];
    ++same.ids;
    same.times += use.times;
  }
  for (const auto& [read, same] : readers) {
    choice.ids += same.ids;
    choice.times += same.times;
    if (same.ids < 2) continue;
    choice.colliding_ids += same.ids;
    choice.colliding_times += same.times;
  }
  return choice;
}

}  // namespace

std::vector<RowChoice> row_choices(const Uses& uses, Reads reads, const Admission& admission) {
  std::vector<RowChoice> choices;
  choices.push_back(row_choice("own", NameRows::of_uses(uses, {}), reads, uses));
  for (const RareIds kind :
       {RareIds::kShared, RareIds::kHashed, RareIds::kQuotientRemainder, RareIds::kNarrow}) {
    Admission with = admission;
    with.rare = kind;
    choices.push_back(
        row_choice(std::string(rare_name(kind)), NameRows::of_uses(uses, with), reads, uses));
  }
  return choices;
}

}  // namespace palate
