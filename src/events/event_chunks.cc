#include "events/event_chunks.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include "events/context_json.h"
#include "events/limits.h"
#include "events/plain_json.h"
#include "events/text_lines.h"

namespace palate {
namespace {

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void refuse(ParsedChunk& out, uint64_t line, Rejection rejection, std::string_view bytes) {
  out.rejects.push_back({line, std::move(rejection), bytes});
}

// What one thread needs to turn cells into events.
class CellParser {
 public:
  explicit CellParser(const EventPlan& plan) : plan_(plan), builder_(plan.row) {
    if (plan.row.types == nullptr) return;
    context_json_ = std::make_shared<EventJsonParser>(plan.row);
    for (const auto& [field, column] : plan.fields) {
      has_context_text_ |= field == EventField::kContext;
    }
  }

  void add(std::span<const std::string_view> cells, const RowSplitter::Row& row, ParsedChunk& out) {
    EventTexts texts = plan_.constants;
    for (const auto& [field, column] : plan_.fields) texts[field] = cells[column];
    texts.clean = row.clean;
    EventView& event = out.events.rows.emplace_back();
    Reason reason = Reason::kNone;
    if (has_context_text_ || !plan_.context.empty()) [[unlikely]] {
      reason = set_context(cells, texts, out);
    }
    if (reason == Reason::kNone) reason = builder_.build(texts, event);
    if (reason == Reason::kNone) [[likely]]
      return;
    refuse(out, row.line, builder_.describe(reason, texts, event), row.text);
    out.events.rows.pop_back();
  }

 private:
  Reason set_context(std::span<const std::string_view> cells, EventTexts& texts, ParsedChunk& out) {
    std::string_view canonical;
    if (has_context_text_ && !texts[EventField::kContext].empty()) {
      const Reason reason =
          context_json_->canonical_context(texts[EventField::kContext], canonical);
      if (reason != Reason::kNone) return reason;
    } else {
      for (const auto& [key, column] : plan_.context) {
        if (cells[column].empty()) continue;
        if (!is_utf8(cells[column])) return Reason::kBadUtf8;
        context_.add_text(key, cells[column]);
      }
      const Reason reason = context_.finish(canonical);
      if (reason != Reason::kNone) return reason;
    }
    texts[EventField::kContext] = out.events.arena.copy(canonical);
    return Reason::kNone;
  }

  const EventPlan& plan_;
  EventRowBuilder builder_;
  ContextBuilder context_;
  std::shared_ptr<EventJsonParser> context_json_;
  bool has_context_text_ = false;
};

struct ListLine {
  std::string_view text;
  uint64_t number = 0;
};

void add_list_line(const ListLine& line, const EventPlan& plan, EventRowBuilder& builder,
                   ParsedChunk& out) {
  constexpr std::string_view kSpace = " \t";
  EventTexts texts = plan.constants;
  size_t at = 0;
  bool has_user = false;
  while (at < line.text.size()) {
    const size_t start = line.text.find_first_not_of(kSpace, at);
    if (start == std::string_view::npos) break;
    at = std::min(line.text.find_first_of(kSpace, start), line.text.size());
    const std::string_view word = line.text.substr(start, at - start);
    if (!has_user) {
      texts[EventField::kUser] = word;
      has_user = true;
      continue;
    }
    texts[EventField::kItem] = word;
    EventView& event = out.events.rows.emplace_back();
    const Reason reason = builder.build(texts, event);
    if (reason == Reason::kNone) continue;
    refuse(out, line.number, builder.describe(reason, texts, event), line.text);
    out.events.rows.pop_back();
  }
}

}  // namespace

ChunkParser event_table_parser(const EventPlan& plan) {
  return [&plan, cells = CellParser(plan)](const RawChunk& raw, ParsedChunk& out) mutable {
    const bool utf8 = is_utf8(raw.text.text);
    RowSplitter splitter(raw.text.text, plan.dialect, out.events.arena);
    RowSplitter::Row row;
    constexpr size_t kRowBytesGuess = 16;
    out.events.rows.reserve(raw.text.text.size() / kRowBytesGuess);
    while (splitter.next(row)) {
      if (row.reason != Reason::kNone) {
        refuse(out, row.line, reject(row.reason), row.text);
      } else if (row.cells.size() != plan.columns) {
        refuse(out, row.line,
               reject(Reason::kColumnCount,
                      fmt::format("{} instead of {}", row.cells.size(), plan.columns)),
               row.text);
      } else {
        row.clean = row.clean && utf8;
        cells.add(row.cells, row, out);
      }
    }
    out.lines = splitter.lines();
  };
}

// A user without items is no event and no error: splits leave such lines.
ChunkParser event_list_parser(const EventPlan& plan) {
  return
      [&plan, builder = EventRowBuilder(plan.row)](const RawChunk& raw, ParsedChunk& out) mutable {
        out.lines = for_each_line(raw.text.text, [&](std::string_view line, uint64_t number) {
          if (line.size() > kLineBytesMax) {
            refuse(out, number, reject(Reason::kLineTooLong), line);
          } else {
            add_list_line({line, number}, plan, builder, out);
          }
        });
      };
}

ChunkParser event_json_parser(const EventPlan& plan) {
  auto parser = std::make_shared<EventJsonParser>(plan.row);
  parser->set_constants(plan.constants);
  if (plan.keys) parser->set_keys(*plan.keys);
  // Foreign keys and constants go the careful way only.
  const bool ours = !plan.keys && plan.constants.texts == EventTexts().texts;
  return [parser, ours, plain = PlainEventJson(), builder = EventRowBuilder(plan.row)](
             const RawChunk& raw, ParsedChunk& out) mutable {
    const bool may_be_plain = ours && is_utf8(raw.text.text);
    out.lines = for_each_line(raw.text.text, [&](std::string_view line, uint64_t number) {
      EventTexts texts;
      if (may_be_plain && line.size() <= kLineBytesMax &&
          plain.read(line, texts, out.events.arena)) {
        if (builder.build(texts, out.events.rows.emplace_back()) == Reason::kNone) return;
        out.events.rows.pop_back();  // the careful way says what is wrong
      }
      Rejection rejection = line.size() > kLineBytesMax ? reject(Reason::kLineTooLong)
                                                        : parser->parse_in_place(line, out.events);
      if (rejection.reason != Reason::kNone) refuse(out, number, std::move(rejection), line);
    });
  };
}

ChunkParser event_cell_parser(const EventPlan& plan) {
  return [&plan, parser = CellParser(plan)](const RawChunk& raw, ParsedChunk& out) mutable {
    RowSplitter::Row row;
    for (size_t at = 0; at < raw.cells.size(); at += raw.columns) {
      const auto cells = std::span(raw.cells).subspan(at, raw.columns);
      const size_t refused = out.rejects.size();
      parser.add(cells, row, out);
      if (out.rejects.size() > refused) {
        out.rejects.back().bytes = out.events.arena.copy(csv_row(cells));
      }
      ++row.line;
    }
    out.lines = row.line;
  };
}

}  // namespace palate
