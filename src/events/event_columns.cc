#include "events/event_columns.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/check.h"
#include "events/block_frame.h"
#include "events/packed_integers.h"
#include "events/taste_columns.h"
#include "events/text_column.h"
#include "events/value_column.h"

namespace palate {
namespace {

// Bits of the mask, in the order of the columns.
enum Optional : uint8_t {
  kItem = 1,
  kEventId = 2,
  kRequestId = 4,
  kContext = 8,
  kReceived = 16,
  kValue = 32,
  kSlot = 64,
  kOccurrence = 128,
};

struct TextField {
  Optional bit;
  std::string_view EventView::* member;
};
constexpr std::array<TextField, 4> kOptionalTexts{{{kItem, &EventView::item},
                                                   {kEventId, &EventView::event_id},
                                                   {kRequestId, &EventView::request_id},
                                                   {kContext, &EventView::context}}};

uint8_t columns_of(std::span<const EventView> rows) {
  unsigned mask = 0;
  for (const EventView& row : rows) {
    for (const TextField& field : kOptionalTexts) {
      if (!(row.*field.member).empty()) mask |= field.bit;
    }
    if (row.received != row.ts) mask |= kReceived;
    if (!std::isnan(row.value)) mask |= kValue;
    if (row.slot != kNoSlot) mask |= kSlot;
    if (row.occurrence != 0) mask |= kOccurrence;
  }
  return static_cast<uint8_t>(mask);
}

template <class Get>
void put_integers(std::span<const EventView> rows, std::vector<int64_t>& scratch, std::string& out,
                  Get get) {
  scratch.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) scratch[i] = get(rows[i]);
  pack_integers(scratch, out);
}

// ---- times ---------------------------------------------------------------------------------

constexpr std::array<int64_t, 3> kUnitsUs{1, 1000, 1'000'000};

template <int64_t UnitUs>
bool divides(std::span<const int64_t> times) {
  return std::ranges::all_of(times, [](int64_t us) { return us % UnitUs == 0; });
}

uint8_t largest_unit(std::span<const int64_t> times) {
  if (divides<kUnitsUs[2]>(times)) return 2;
  return divides<kUnitsUs[1]>(times) ? 1 : 0;
}

// By a constant, which costs a tenth of dividing by a variable.
int64_t multiples(int64_t us, uint8_t unit) {
  return unit == 2 ? us / kUnitsUs[2] : unit == 1 ? us / kUnitsUs[1] : us;
}

// Microseconds as the index of a unit that divides all, and packed multiples of it; each as the
// difference to the one before when `Differences` is set. Wraps around like unsigned arithmetic.
template <bool Differences>
void put_times(std::span<int64_t> times, std::string& out) {
  const uint8_t unit = largest_unit(times);
  out.push_back(static_cast<char>(unit));
  uint64_t before = 0;
  for (int64_t& us : times) {
    const auto multiple = static_cast<uint64_t>(multiples(us, unit));
    us = static_cast<int64_t>(multiple - before);
    if (Differences) before = multiple;
  }
  if (Differences) {  // the first is far from the others: beside them it would widen its chunk
    put_varint(zigzag(times.front()), out);
    times.front() = 0;
  }
  pack_integers(times, out);
}

template <bool Differences>
void take_times(ByteSource& in, std::span<int64_t> times) {
  const auto unit = in.fixed<uint8_t>();
  if (unit >= kUnitsUs.size()) return in.fail();
  uint64_t before = Differences ? static_cast<uint64_t>(unzigzag(in.varint())) : 0;
  unpack_integers(in, times);
  if (in.failed()) return;
  for (int64_t& us : times) {
    const uint64_t multiple = before + static_cast<uint64_t>(us);
    if (Differences) before = multiple;
    us = static_cast<int64_t>(multiple * static_cast<uint64_t>(kUnitsUs[unit]));
  }
}

// ---- types ---------------------------------------------------------------------------------

// The names that the rows use, in order of first appearance, and each row's place among them.
void put_types(std::span<const EventView> rows, const EventTypes& types,
               std::vector<int64_t>& scratch, std::string& out) {
  std::vector<int64_t> place(types.size(), -1);
  std::vector<EventTypeId> used;
  scratch.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const EventTypeId type = rows[i].type;
    PALATE_CHECK(type.value < types.size(), "an event to be logged has a known type");
    if (place[type.value] < 0) {
      place[type.value] = static_cast<int64_t>(used.size());
      used.push_back(type);
    }
    scratch[i] = place[type.value];
  }
  put_varint(used.size(), out);
  for (EventTypeId type : used) put_text(types.at(type).name, out);
  if (used.size() > 1) pack_integers(scratch, out);
}

// `scratch` has one entry a row; `set(row, type)` is called for each.
template <class Set>
void take_types(ByteSource& in, const EventTypes& types, std::vector<int64_t>& scratch, Set set) {
  const uint64_t size = in.varint();
  if (size == 0 || size > scratch.size()) return in.fail();
  std::vector<EventTypeId> known;
  for (uint64_t i = 0; i < size && !in.failed(); ++i) {
    known.push_back(types.find(in.text()).value_or(EventTypeId{}));
  }
  std::ranges::fill(scratch, 0);
  if (size > 1) unpack_integers(in, scratch);
  if (in.failed()) return;
  for (size_t i = 0; i < scratch.size(); ++i) {
    if (static_cast<uint64_t>(scratch[i]) >= size) return in.fail();
    set(i, known[static_cast<size_t>(scratch[i])]);
  }
}

// ---- columns that not every block has ------------------------------------------------------

size_t put_text_field(std::span<const EventView> rows, std::string_view EventView::* member,
                      std::vector<std::string_view>& scratch, std::string& out) {
  scratch.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) scratch[i] = rows[i].*member;
  return encode_text(scratch, out);
}

void put_numbers(std::span<const EventView> rows, uint8_t mask, std::vector<int64_t>& scratch,
                 std::string& out) {
  if ((mask & kReceived) != 0) {
    scratch.resize(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      scratch[i] = static_cast<int64_t>(static_cast<uint64_t>(rows[i].received.us) -
                                        static_cast<uint64_t>(rows[i].ts.us));
    }
    put_times<false>(scratch, out);
  }
  if ((mask & kValue) != 0) {
    std::vector<double> values(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) values[i] = rows[i].value;
    encode_values(values, out);
  }
  if ((mask & kSlot) != 0) {
    put_integers(rows, scratch, out, [](const EventView& row) { return row.slot; });
  }
  if ((mask & kOccurrence) != 0) {
    put_integers(rows, scratch, out, [](const EventView& row) { return row.occurrence; });
  }
}

// `scratch` has one entry a row. Rows have their ts already.
void take_numbers(ByteSource& in, uint8_t mask, std::vector<int64_t>& scratch,
                  std::span<EventView> rows) {
  std::ranges::fill(scratch, 0);
  if ((mask & kReceived) != 0) take_times<false>(in, scratch);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].received.us = static_cast<int64_t>(static_cast<uint64_t>(rows[i].ts.us) +
                                               static_cast<uint64_t>(scratch[i]));
  }
  if ((mask & kValue) != 0) {
    std::vector<double> values(rows.size());
    decode_values(in, values);
    for (size_t i = 0; i < rows.size(); ++i) rows[i].value = values[i];
  }
  if ((mask & kSlot) != 0 && !in.failed()) {
    unpack_integers(in, scratch);
    for (size_t i = 0; i < rows.size() && !in.failed(); ++i) {
      rows[i].slot = static_cast<int32_t>(scratch[i]);
      if (rows[i].slot != scratch[i]) in.fail();
    }
  }
  if ((mask & kOccurrence) != 0 && !in.failed()) {
    unpack_integers(in, scratch);
    for (size_t i = 0; i < rows.size() && !in.failed(); ++i) {
      rows[i].occurrence = static_cast<uint32_t>(scratch[i]);
      if (rows[i].occurrence != scratch[i]) in.fail();
    }
  }
}

}  // namespace

EventBody encode_event_columns(std::span<const EventView> rows, const EventTypes& types) {
  EventBody body;
  std::vector<int64_t> integers;
  std::vector<std::string_view> texts;
  const uint8_t mask = columns_of(rows);
  body.bytes.push_back(static_cast<char>(mask));
  put_types(rows, types, integers, body.bytes);
  for (size_t i = 0; i < rows.size(); ++i) integers[i] = rows[i].ts.us;
  put_times<true>(integers, body.bytes);
  body.text_bytes += put_text_field(rows, &EventView::user, texts, body.bytes);
  for (const TextField& field : kOptionalTexts) {
    if ((mask & field.bit) == 0) continue;
    body.text_bytes += put_text_field(rows, field.member, texts, body.bytes);
  }
  put_numbers(rows, mask, integers, body.bytes);
  return body;
}

bool decode_event_columns(std::string_view body, const EventTypes& types, std::span<EventView> rows,
                          Arena& arena) {
  ByteSource in(body);
  std::vector<int64_t> integers(rows.size());
  std::vector<std::string_view> texts(rows.size());
  const auto mask = in.fixed<uint8_t>();
  take_types(in, types, integers, [&](size_t i, EventTypeId type) { rows[i].type = type; });
  take_times<true>(in, integers);
  if (in.failed()) return false;
  for (size_t i = 0; i < rows.size(); ++i) rows[i].ts.us = integers[i];
  const auto take_text = [&](std::string_view EventView::* member) {
    decode_text(in, texts, arena);
    for (size_t i = 0; i < rows.size() && !in.failed(); ++i) rows[i].*member = texts[i];
  };
  take_text(&EventView::user);
  for (const TextField& field : kOptionalTexts) {
    if ((mask & field.bit) != 0 && !in.failed()) take_text(field.member);
  }
  if (in.failed()) return false;
  take_numbers(in, mask, integers, rows);
  return in.finished();
}

Result<std::vector<std::string>> read_type_names(std::string_view body) {
  ByteSource in(body);
  in.fixed<uint8_t>();
  std::vector<std::string> names(std::min<uint64_t>(in.varint(), kBlockCountMax));
  for (std::string& name : names) name = in.text();
  if (in.failed()) return fail(Code::kCorrupt, "block: the names of its types are cut off");
  return names;
}

Status TasteColumns::load(std::string_view block, const EventTypes& types) {
  const OpenedBlock opened = TRY(open_block(Stream::kEvents, block));
  body_ = opened.body;
  rows = opened.count;
  ByteSource in(*body_);
  scratch_.resize(rows);
  type.resize(rows);
  ts_us.resize(rows);
  const auto mask = in.fixed<uint8_t>();
  take_types(in, types, scratch_, [&](size_t i, EventTypeId one) { type[i] = one; });
  take_times<true>(in, ts_us);
  decode_names(in, rows, users);
  has_items = (mask & kItem) != 0;
  if (has_items) decode_names(in, rows, items);
  for (const uint8_t bit : {kEventId, kRequestId, kContext}) {
    if ((mask & bit) != 0) skip_text(in, rows);
  }
  received_us = ts_us;
  if ((mask & kReceived) != 0) {
    take_times<false>(in, scratch_);
    for (size_t i = 0; i < rows; ++i) {
      received_us[i] = static_cast<int64_t>(static_cast<uint64_t>(ts_us[i]) +
                                            static_cast<uint64_t>(scratch_[i]));
    }
  }
  value.assign((mask & kValue) != 0 ? 0 : rows, kNoValue);
  value.resize(rows);
  if ((mask & kValue) != 0) decode_values(in, value);
  if (in.failed()) {
    return fail(Code::kCorrupt, "block: its columns do not fit its {} events", rows);
  }
  return {};
}

}  // namespace palate
