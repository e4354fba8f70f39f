// What is accepted must read back from its own JSON to the same JSON.
#include "base/check.h"
#include "events/event_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  static const EventTypes kTypes = EventTypes::defaults();
  static EventJsonParser parser(kTypes, TimeUs{1'700'000'000 * kSecondUs});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  EventBatch batch;
  const auto ignore = [](size_t, const Rejection&) {};
  (void)parser.parse_body(text, 1000, batch, ignore);
  const size_t rows = batch.rows.size();
  for (size_t i = 0; i < rows; ++i) {
    const std::string json = to_json(batch.rows[i], kTypes.at(batch.rows[i].type).name);
    PALATE_CHECK(parser.parse(json, batch).reason == Reason::kNone, "its own JSON is refused");
    const EventView& back = batch.rows.back();
    PALATE_CHECK(to_json(back, kTypes.at(back.type).name) == json, "reads back differently");
  }
  return 0;
}
