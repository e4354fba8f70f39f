#include "lake/reader.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "base/hash.h"
#include "base/stop.h"
#include "lake/table_file.h"

namespace palate::lake {
namespace {

// Drawn from the seed and two numbers, the same wherever it is drawn.
uint64_t drawn(uint64_t seed, uint64_t a, uint64_t b) {
  const std::array<uint64_t, 2> numbers{a, b};
  return hash64({reinterpret_cast<const char*>(numbers.data()), sizeof numbers}, seed);
}

}  // namespace

Result<LakeReader> LakeReader::open(const LakeDirectory& lake, ReadOptions options) {
  const auto tombstones = TRY(read_tombstones(lake.root()));
  auto manifest = TRY(lake.current());
  if (!manifest) {
    return fail(Code::kNotFound, "{}: there is no lake yet; run palate lake compact",
                lake.root().string());
  }
  LakeReader reader(lake, std::move(*manifest), TombstoneFilter(tombstones));
  TRY(reader.plan(std::move(options)));
  return reader;
}

Result<LakeReader> LakeReader::same_version(ReadOptions options) const {
  LakeReader reader(lake_, manifest_, tombstones_);
  TRY(reader.plan(std::move(options)));
  return reader;
}

Status LakeReader::plan(ReadOptions options) {
  if (options.parts == 0 || options.part >= options.parts) {
    return fail(Code::kInvalidArgument, "there is no part {} of {}", options.part, options.parts);
  }
  if (options.columns.empty()) return fail(Code::kInvalidArgument, "no column is wanted");
  options_ = std::move(options);
  for (size_t i = 0; i < manifest_.files.size(); ++i) {
    const LakeFile& file = manifest_.files[i];
    if (file.zone != options_.zone || file.rows == 0) continue;
    const bool in_time = !has_days(file.zone) ||
                         (file.ts_max >= options_.from_us && file.ts_min < options_.until_us);
    if (!in_time) continue;
    const uint64_t units = (file.rows + kGroupRows - 1) / kGroupRows;
    for (uint64_t unit = 0; unit < units; ++unit) {
      units_.push_back({i, unit, units, std::min<uint64_t>(kGroupRows, file.rows)});
    }
  }
  if (!options_.shuffle_seed) return {};
  const auto place = [&](const Unit& unit) {
    return std::pair(
        drawn(*options_.shuffle_seed, hash64(manifest_.files[unit.file].path), unit.unit),
        std::pair(unit.file, unit.unit));
  };
  std::ranges::sort(units_, {}, place);
  return {};
}

uint64_t LakeReader::rows_max() const {
  uint64_t rows = 0;
  for (const Unit& unit : units_) {
    if (unit.unit == 0) rows += manifest_.files[unit.file].rows;
  }
  return rows;
}

std::vector<size_t> LakeReader::columns_to_read() const {
  std::set<size_t> columns(options_.columns.begin(), options_.columns.end());
  const auto user = user_column(options_.zone);
  const auto [partition, offset] = position_columns(options_.zone);
  if (user && (options_.parts > 1 || !tombstones_.empty())) columns.insert(*user);
  if (user && !tombstones_.empty()) columns.insert({partition, offset});
  if (has_days(options_.zone)) columns.insert(event::kTs);
  return {columns.begin(), columns.end()};
}

bool LakeReader::wanted(const Table& rows, size_t row) const {
  const auto user = user_column(options_.zone);
  if (user && options_.parts > 1 &&
      rows.columns[*user].ids[row].words[1] % options_.parts != options_.part) {
    return false;
  }
  if (has_days(options_.zone)) {
    const int64_t ts = rows.columns[event::kTs].integers[row];
    if (ts < options_.from_us || ts >= options_.until_us) return false;
  }
  return tombstones_.find(options_.zone, rows, row) < 0;
}

// Whether that is known without looking at rows.
bool LakeReader::all_wanted(const LakeFile& file) const {
  const bool in_time =
      !has_days(file.zone) || (file.ts_min >= options_.from_us && file.ts_max < options_.until_us);
  return in_time && options_.parts == 1 && tombstones_.empty();
}

Status LakeReader::read_groups(const Unit& unit, const std::function<Status(Table)>& visit) const {
  const LakeFile& file = manifest_.files[unit.file];
  const auto source = TRY(open_table(TRY(lake_.open(file)), columns_of(file.zone)));
  if (source->rows() != file.rows) {
    return fail(Code::kCorrupt, "{} has {} rows, the manifest says {}; run palate lake verify",
                file.path, source->rows(), file.rows);
  }
  const auto columns = columns_to_read();
  for (size_t group = unit.unit; group < source->groups(); group += unit.units) {
    TRY(visit(TRY(source->read(group, columns))));
  }
  return {};
}

Result<LakeReader::Kept> LakeReader::read_unit(const Unit& unit) const {
  Kept kept;
  uint64_t place = 0;
  TRY(read_groups(unit, [&](Table rows) -> Status {
    for (uint32_t row = 0; row < rows.rows; ++row, ++place) {
      if (!wanted(rows, row)) continue;
      kept.rows.emplace_back(static_cast<uint32_t>(kept.tables.size()), row);
      kept.places.push_back(place);
    }
    kept.tables.push_back(std::move(rows));
    return {};
  }));
  return kept;
}

Status LakeReader::read_unordered(ThreadPool& pool,
                                  const std::function<Status(const Table&)>& visit,
                                  std::stop_token stop) const {
  const auto visit_wanted = [&](const Table& rows) -> Status {
    std::vector<uint32_t> chosen;
    for (uint32_t row = 0; row < rows.rows; ++row) {
      if (wanted(rows, row)) chosen.push_back(row);
    }
    if (chosen.empty()) return {};
    Table some(columns_of(options_.zone));
    for (const size_t column : columns_to_read()) {
      some.columns[column].append(rows.columns[column], chosen);
    }
    some.rows = chosen.size();
    some.owners = rows.owners;
    return visit(some);
  };
  std::vector<Status> done(units_.size());
  std::atomic<bool> failed = false;
  TRY(pool.for_blocks(
      units_.size(),
      [&](size_t i, size_t) {
        if (failed.load(std::memory_order_relaxed)) return;
        const bool all = all_wanted(manifest_.files[units_[i].file]);
        done[i] = read_groups(units_[i], [&](const Table& rows) {
          return all && rows.rows > 0 ? visit(rows) : visit_wanted(rows);
        });
        if (!done[i]) failed.store(true, std::memory_order_relaxed);
      },
      stop));
  for (const Status& status : done) TRY(status);
  return {};
}

// The rows of one mix, in the order that the seed gives them.
Table LakeReader::mixed(const std::vector<Kept>& kept, size_t first_unit) const {
  struct Row {
    uint64_t draw;
    uint32_t unit, at;
    auto operator<=>(const Row&) const = default;
  };
  std::vector<Row> order;
  for (uint32_t unit = 0; unit < kept.size(); ++unit) {
    for (uint32_t at = 0; at < kept[unit].rows.size(); ++at) {
      const uint64_t draw = options_.shuffle_seed ? drawn(*options_.shuffle_seed, first_unit + unit,
                                                          kept[unit].places[at])
                                                  : 0;
      order.push_back({draw, unit, at});
    }
  }
  if (options_.shuffle_seed) std::ranges::sort(order);
  Table out(columns_of(options_.zone));
  for (const size_t column : columns_to_read()) {
    Column& to = out.columns[column];
    to.reserve(order.size());
    for (const Row& row : order) {
      const auto [table, at] = kept[row.unit].rows[row.at];
      to.append(kept[row.unit].tables[table].columns[column], at);
    }
  }
  out.rows = order.size();
  for (const Kept& unit : kept) {
    for (const Table& table : unit.tables) {
      out.owners.insert(out.owners.end(), table.owners.begin(), table.owners.end());
    }
  }
  return out;
}

Status LakeReader::read_mix(size_t begin, size_t end, ThreadPool& pool,
                            std::vector<Kept>& kept) const {
  std::vector<Result<Kept>> read(end - begin, Result<Kept>(Kept()));
  TRY(pool.for_blocks(read.size(),
                      [&](size_t i, size_t) { read[i] = read_unit(units_[begin + i]); }));
  kept.clear();
  for (auto& one : read) kept.push_back(TRY(std::move(one)));
  return {};
}

Status LakeReader::read(ThreadPool& pool, const std::function<Status(const Table&)>& visit,
                        std::stop_token stop) const {
  std::vector<Kept> kept;
  for (size_t begin = 0, end = 0; begin < units_.size(); begin = end) {
    TRY(check_stop(stop));
    // Mixes are cut at places that neither threads nor readers know of.
    uint64_t rows = 0;
    while (end < units_.size() && rows < kMixRows) rows += units_[end++].rows;
    TRY(read_mix(begin, end, pool, kept));
    const Table table = mixed(kept, begin);
    if (table.rows > 0) TRY(visit(table));
  }
  return {};
}

}  // namespace palate::lake
