// Any schema that is read can be checked against and compared with another, and nothing changes
// when it is compared with itself.
#include "base/check.h"
#include "events/schema/schema_change.h"
#include "events/schema/schema_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t cut = text.find('\n');
  const auto before = parse_schema(text.substr(0, cut));
  const std::string_view rest = cut == std::string_view::npos ? "" : text.substr(cut + 1);
  const auto after = parse_schema(rest);
  if (!before) return 0;
  PALATE_CHECK(compare_schemas(*before, *before).empty(), "it differs from itself");
  (void)check_json(*before, rest);
  if (!after) return 0;
  const auto changes = compare_schemas(*before, *after);
  (void)check_compatible(changes, Compatibility::kFull);
  return 0;
}
