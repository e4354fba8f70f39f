// Inner products in 8 bits: four times fewer bytes and several times more products a cycle than
// fp32, for a first look that says which items are worth scoring exactly (index/screened_rows.h
// has the bound). Integers, so every kernel gives the same sums.
//
// Layout, said once: items lie in units of 64, and in a unit by groups of four dimensions: byte
// ((unit * groups + group) * 64 + lane) * 4 + d is 128 + the code of item unit * 64 + lane in
// dimension group * 4 + d. Codes are in [-127, 127]; what is missing (dimensions, items) is 0.
// The sum of an item with a query is the sum over d of (128 + item code) * query code; the query
// takes 128 times the sum of its own codes away.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace palate {

inline constexpr size_t kUnitItems = 64;
inline constexpr size_t kScreenTile = 6;            // queries at once
inline constexpr size_t kScreenDimMax = 32 * 1024;  // sums stay below 2^31
constexpr size_t screen_groups(size_t dim) { return (dim + 3) / 4; }
constexpr size_t screen_unit_bytes(size_t dim) { return screen_groups(dim) * 4 * kUnitItems; }

// Sums above the limit, of one query with one unit. sums[lane] is set where `lanes` has a bit.
struct ScreenHits {
  size_t query = 0;  // of the tile
  size_t unit = 0;
  uint64_t lanes = 0;
  const int32_t* sums = nullptr;
};

// Units [begin, end) and up to kScreenTile queries that pass over them together.
struct ScreenTile {
  const uint8_t* codes = nullptr;  // of unit 0
  size_t groups = 0;
  size_t begin = 0, end = 0;
  size_t count = 0;                                  // of queries
  std::array<const int8_t*, kScreenTile> queries{};  // 4 * groups codes each
  std::array<int32_t, kScreenTile> above{};          // limits; `report` may raise them
  void (*report)(void* to, ScreenTile& tile, const ScreenHits& hits) = nullptr;
  void* to = nullptr;
};

// Reports every sum that is larger than its query's limit, units in ascending order; a unit's hits
// of one query may come in two reports.
struct ScreenKernel {
  std::string_view name;
  int query_code_max = 0;  // query codes must be in [-query_code_max, query_code_max]
  bool fast = false;       // faster than scoring in fp32
  void (*run)(ScreenTile& tile) = nullptr;
};

// Those that this processor has, the fastest first. The last one is the plain twin.
std::span<const ScreenKernel> screen_kernels();

// One file each; only for processors that have what the file's name says (screen_kernels() asks).
void screen_avx512vnni(ScreenTile& tile);
void screen_avx2(ScreenTile& tile);
void screen_neon_dot(ScreenTile& tile);
void screen_plain(ScreenTile& tile);

// How long a vector is, rounded up, and its largest absolute value. Not finite where a value is
// not.
struct Extent {
  double length = 0;
  float largest = 0;
};
Extent extent(std::span<const float> values);
// codes[d] = values[d] / step, rounded to the nearest; returns the length of what rounding lost, in
// steps, rounded up. |values[d] / step| must be at most 127.4, and `step` between 1e-30 and 1e37.
double quantize(std::span<const float> values, float step, int8_t* codes);
// Puts the codes of one item (4 * groups of them, zeros from `dim` on) into their places.
void place_codes(const int8_t* row, size_t groups, size_t item, uint8_t* codes);

}  // namespace palate
