#include "events/event_chunks.h"
#include "events/record_chunks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  static const EventTypes kTypes = EventTypes::defaults();
  EventPlan plan;
  plan.row.types = &kTypes;
  plan.row.received = TimeUs{1'700'000'000 * kSecondUs};
  if (size > 0 && data[0] % 2 == 1) {
    plan.row.default_type = "click";
    plan.keys = JsonKeys{{{"reviewerID", EventField::kUser}, {"asin", EventField::kItem}}, {}};
  }
  std::string text(reinterpret_cast<const char*>(data), size);
  text.append(64, '\0');
  RawChunk raw;
  raw.text.text = std::string_view(text).substr(0, size);
  ParsedChunk parsed;
  event_json_parser(plan)(raw, parsed);
  RecordPlan records;
  records.keys = {{"asin", "id"}, {"title", "titles"}};
  record_json_parser(records)(raw, parsed);
  return 0;
}
