#include "base/check.h"
#include "events/event.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto item = item_from_json(text)) {
    const std::string json = to_json(*item);
    const auto back = item_from_json(json);
    PALATE_CHECK(back && to_json(*back) == json, "an item reads back differently");
  }
  (void)user_from_json(text);
  return 0;
}
