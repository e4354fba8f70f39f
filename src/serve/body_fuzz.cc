// Any body: refused, or records that are JSON each and, sent as a list, come out the same.
#include "base/check.h"
#include "serve/body.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  constexpr size_t kRecordsMax = 50;
  const std::string body(reinterpret_cast<const char*>(data), size);
  const auto records = split_records(body, "events", kRecordsMax);
  const bool is_json = check_json(body).has_value();
  if (!records) return 0;
  PALATE_CHECK(is_json, "records out of what is no JSON");
  PALATE_CHECK(!records->texts.empty() && records->texts.size() <= kRecordsMax, "their number");
  std::string list;
  for (const std::string_view text : records->texts) {
    PALATE_CHECK(check_json(text).has_value(), "a record is JSON");
    list += (list.empty() ? "[" : ",") + std::string(text);
  }
  const auto again = split_records(list + "]", "events", kRecordsMax);
  PALATE_CHECK(again && again->texts == records->texts, "reads back differently");
  return 0;
}
