#include "models/ranker/train_rows.h"

#include <algorithm>
#include <functional>

#include "artefact/safetensors.h"
#include "infer/network_weights.h"
#include "infer/plain_network.h"
#include "infer/trainable.h"
#include "models/ranker/ranker.h"

namespace palate {
namespace {

using IdField = RankingFields::IdField;

constexpr std::string_view kTable = "table.", kScales = "table_scale.", kRows = "rows.";

// [rows × width], as trainers write it.
Result<std::span<const float>> table_of(const Artefact& network, const SparseField& field) {
  const auto view = TRY(network.tensor(std::string(kTable) + field.name, DType::kF32, 2));
  if (view.shape[0] != field.rows || view.shape[1] != field.width) {
    return fail(Code::kCorrupt, "{}: the table of '{}' is {} × {}", network.path().string(),
                field.name, view.shape[0], view.shape[1]);
  }
  return std::span(reinterpret_cast<const float*>(view.bytes.data()),
                   size_t{field.rows} * field.width);
}

std::vector<float> widened(const EmbeddingTable& table) {
  std::vector<float> values(size_t{table.rows} * table.width);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto row = static_cast<uint32_t>(i / table.width);
    values[i] = static_cast<float>(plain::table_value(table, row, i % table.width));
  }
  return values;
}

// Of a new row the rows that it starts from, added up.
struct Source {
  IdRows rows;
  float share = 1;
};
using Sources = std::vector<Source>;

// Rows that rare ids share are what they were where the rule is; else what is not known.
void add_shared(const RareRows& now, const RareRows& before, uint32_t first, Sources& sources) {
  for (uint32_t i = 0; i < now.rows; ++i) {
    const float share = now.sums() ? 0.5F : 1;
    if (now == before) {
      sources.push_back({{{first + i, 0}, 1}, 1});
    } else {
      sources.push_back({{}, share});
    }
  }
}

Sources sources_of(const NameRows& now, const NameRows& before, bool bag) {
  Sources sources(1);
  for (const std::string& name : now.names()) {
    sources.push_back({bag ? IdRows{{before.row_of(name), 0}, 1} : before.rows_of(name)});
  }
  add_shared(now.rare(), before.rare(), before.own() + 1, sources);
  return sources;
}

Sources narrow_sources(const NameRows& now, const NameRows& before) {
  Sources sources(1);
  for (const std::string& name : now.narrow()) {
    sources.push_back({{{before.narrow_row(name), 0}, 1}});
  }
  return sources;
}

// Rows of items in one version: those of their own, by ItemIx, and how many.
struct ItemRows {
  const std::vector<uint32_t>& own;
  uint32_t rows;
};
ItemRows rows_of_items(const RankingVocabulary& of, bool history) {
  if (history && of.history_items > 0) return {of.history_rows, of.history_items};
  return {of.item_rows, of.items};
}

Sources item_sources(const RankingVocabulary& now, const RankingVocabulary& before,
                     const Catalogue::View& items, bool history) {
  const ItemRows to = rows_of_items(now, history), from = rows_of_items(before, history);
  Sources sources(to.rows);
  for (uint32_t item = 0; item < to.own.size() && item < items.size(); ++item) {
    if (to.own[item] == 0 || to.own[item] == kUnusedRow) continue;
    IdRows& rows = sources[to.own[item]].rows;
    const uint32_t own = item < from.own.size() ? from.own[item] : 0;
    if (own != 0 || before.item_rare.rows == 0) {
      rows = {{own == kUnusedRow ? 0 : own, 0}, 1};
      continue;
    }
    const std::string& id = items.record({item}).id;
    rows = history ? IdRows{{before.item_rare.row_of(id), 0}, 1} : before.item_rare.rows_of(id);
    for (uint32_t i = 0; i < rows.count; ++i) rows.row[i] += from.rows;
  }
  add_shared(now.item_rare, before.item_rare, from.rows, sources);
  return sources;
}

Sources narrow_item_sources(const RankingVocabulary& now, const RankingVocabulary& before) {
  Sources sources(now.items_narrow);
  for (uint32_t item = 0; item < now.item_narrow.size(); ++item) {
    const uint32_t own = item < before.item_narrow.size() ? before.item_narrow[item] : 0;
    sources[now.item_narrow[item]].rows = {{now.item_narrow[item] == 0 ? 0 : own, 0}, 1};
  }
  return sources;
}

// Of a column of `now`. Other fields have rows that mean the same in all versions.
Sources sources_of(const IdField& field, const RankingVocabulary& now,
                   const RankingVocabulary& before, const Catalogue::View& items) {
  const std::string_view name = field.name;
  const bool narrow = name.ends_with(kNarrowSuffix);
  const std::string_view wide = narrow ? name.substr(0, name.size() - kNarrowSuffix.size()) : name;
  for (const NamedRows& one : named_rows()) {
    if (wide != one.field) continue;
    const NameRows &to = now.*one.rows, &from = before.*one.rows;
    return narrow ? narrow_sources(to, from) : sources_of(to, from, field.many && !field.sum);
  }
  if (wide == "item" && narrow) return narrow_item_sources(now, before);
  if (wide == "item" || wide == "history") {
    return item_sources(now, before, items, wide == "history");
  }
  Sources sources(field.rows);
  for (uint32_t row = 0; row < field.rows; ++row) sources[row].rows.row[0] = row;
  return sources;
}

Result<std::vector<float>> carried(std::span<const float> from, const SparseField& field,
                                   const Sources& sources) {
  std::vector<float> table(sources.size() * field.width);
  for (size_t row = 0; row < sources.size(); ++row) {
    for (const uint32_t old : sources[row].rows.all()) {
      if (old >= field.rows) {
        return fail(Code::kCorrupt, "the last ranker has no row {} of '{}'", old, field.name);
      }
      for (uint32_t i = 0; i < field.width; ++i) {
        table[row * field.width + i] += sources[row].share * from[size_t{old} * field.width + i];
      }
    }
  }
  return table;
}

}  // namespace

void add_tensors(const Artefact& of, const RankerTables& with, ArtefactWriter& out) {
  for (const NamedTensor& tensor : of.tensors()) {
    const std::string_view name = tensor.name;
    const bool is_table = name.starts_with(kTable), is_scales = name.starts_with(kScales);
    const size_t field = is_table ? kTable.size() : kScales.size();
    const bool is_other =
        (is_table || is_scales) && with.tables.contains(std::string(name.substr(field)));
    if (name.starts_with(kRows) || is_other) continue;
    out.add(tensor.name, tensor.view.type, tensor.view.shape, tensor.view.bytes);
  }
  for (const SparseField& field : with.spec.sparse) {
    const auto table = with.tables.find(field.name);
    if (table == with.tables.end()) continue;
    std::vector<float> copy = table->second;
    out.add(std::string(kTable) + field.name, {field.rows, field.width}, std::move(copy));
  }
}

Result<RankerTables> carried_tables(const std::shared_ptr<const Artefact>& last,
                                    const RankingFields& now, const Catalogue::View& items) {
  const RankingFields::Parts before = TRY(read_ranking_fields(*last));
  const NetworkWeights weights = TRY(NetworkWeights::read(last));
  RankerTables result{.spec = weights.spec, .tables = {}};
  for (size_t f = 0; f < weights.tables.size(); ++f) {
    SparseField& field = result.spec.sparse[f];
    std::vector<float>& table = result.tables[field.name] = widened(weights.tables[f]);
    const auto column = std::ranges::find(now.ids(), column_of(field.name), &IdField::name);
    if (column == now.ids().end()) continue;  // the place in the slate; what else differs, is told
    const Sources sources = sources_of(*column, now.parts().vocabulary, before.vocabulary, items);
    table = TRY(carried(table, field, sources));
    field.rows = static_cast<uint32_t>(sources.size());
  }
  return result;
}

namespace {

// Which rows of a column stay, and where.
struct KeptRows {
  std::vector<uint32_t> at;  // by row; kUnusedRow: it goes
  uint32_t rows = 0;
  [[nodiscard]] bool all() const { return rows == at.size(); }
};

class Pruning {
 public:
  Pruning(const Artefact& network, const RankingFields& fields)
      : network_(network), out_{.tables = {}, .fields = fields.parts()}, ids_(fields.ids()) {}

  Result<PrunedRanker> run() {
    out_.tables.spec = TRY(network_spec_of(network_));
    RankingVocabulary& of = out_.fields.vocabulary;
    for (const NamedRows& one : named_rows()) {
      NameRows& rows = of.*one.rows;
      if (rows.rare().rows > 0) continue;  // a name without a row of its own would share one
      const KeptRows kept = TRY(kept_of(one.field, rows.own() + 1));
      std::vector<std::string> names;
      for (uint32_t i = 0; i < rows.own(); ++i) {
        if (kept.at[i + 1] != kUnusedRow) names.push_back(rows.names()[i]);
      }
      rows = NameRows(std::move(names), {}, rows.narrow());
      TRY(drop(one.field, kept));
    }
    // Histories first: without rows of their own they read those of items as they were.
    const bool apart = of.history_items > 0;
    const KeptRows history = TRY(kept_of("history", apart ? of.history_items : of.items));
    of.history_rows = renumbered(apart ? of.history_rows : of.item_rows, history);
    of.history_items = own_of(history);
    const KeptRows items = TRY(kept_of("item", of.items));
    of.item_rows = renumbered(of.item_rows, items);
    of.items = own_of(items);
    TRY(drop("history", history));
    TRY(drop("item", items));
    return std::move(out_);
  }

 private:
  [[nodiscard]] uint32_t own_of(const KeptRows& kept) const {
    return kept.rows - out_.fields.vocabulary.item_rare.rows;
  }

  // By ItemIx.
  static std::vector<uint32_t> renumbered(const std::vector<uint32_t>& rows, const KeptRows& kept) {
    std::vector<uint32_t> out;
    out.reserve(rows.size());
    for (const uint32_t row : rows) {
      out.push_back(row == 0 || row == kUnusedRow ? row : kept.at[row]);
    }
    return out;
  }

  // `own`: rows below may go, but row 0.
  Result<KeptRows> kept_of(std::string_view column, uint32_t own) const {
    const auto field = std::ranges::find(ids_, column, &IdField::name);
    std::vector<uint8_t> says(field->rows);
    for (size_t row = 0; row < says.size(); ++row) says[row] = row == 0 || row >= own;
    bool read = false;
    for (const SparseField& table : out_.tables.spec.sparse) {
      if (column_of(table.name) != column) continue;
      if (table.rows != field->rows) {
        return fail(Code::kCorrupt, "the table of '{}' has {} rows, its field {}", table.name,
                    table.rows, field->rows);
      }
      read = true;
      const auto values = TRY(table_of(network_, table));
      const auto first = values.first(table.width);
      for (uint32_t row = 1; row < own; ++row) {
        if (!std::ranges::equal(first, values.subspan(size_t{row} * table.width, table.width))) {
          says[row] = 1;
        }
      }
    }
    KeptRows kept;
    for (const uint8_t stays : says) {
      kept.at.push_back(stays != 0 || !read ? kept.rows++ : kUnusedRow);
    }
    return kept;
  }

  Status drop(std::string_view column, const KeptRows& kept) {
    for (SparseField& table : out_.tables.spec.sparse) {
      if (column_of(table.name) != column) continue;
      const auto values = TRY(table_of(network_, table));
      out_.rows += table.rows;
      out_.dropped += table.rows - kept.rows;
      std::vector<float> rest;
      rest.reserve(size_t{kept.rows} * table.width);
      for (uint32_t row = 0; row < table.rows; ++row) {
        if (kept.at[row] == kUnusedRow) continue;
        const auto one = values.subspan(size_t{row} * table.width, table.width);
        rest.insert(rest.end(), one.begin(), one.end());
      }
      out_.tables.tables[table.name] = std::move(rest);
      table.rows = kept.rows;
    }
    return {};
  }

  const Artefact& network_;
  PrunedRanker out_;
  const std::vector<IdField>& ids_;
};

}  // namespace

Result<PrunedRanker> pruned(const Artefact& network, const RankingFields& fields) {
  return Pruning(network, fields).run();
}

}  // namespace palate
