// Any query string: refused, or pairs that, escaped again, decode to the same.
#include "base/check.h"
#include "serve/parameters.h"

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const unsigned char byte : text) out += fmt::format("%{:02X}", byte);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  const auto query = Parameters::parse({reinterpret_cast<const char*>(data), size});
  if (!query) return 0;
  std::string again;
  for (const auto& [name, value] : query->pairs()) {
    again += (again.empty() ? "" : "&") + escaped(name) + "=" + escaped(value);
    const size_t times = query->all(name).size();
    const auto one = query->one(name);
    PALATE_CHECK(one.has_value() == (times == 1), "one() answers for a single value only");
    const auto whole = query->whole(name, {.min = -5, .max = 1000, .otherwise = 0});
    PALATE_CHECK(!whole || (*whole >= -5 && *whole <= 1000), "out of bounds");
    (void)query->boolean(name, true);
  }
  const auto back = Parameters::parse(again);
  PALATE_CHECK(back && back->pairs() == query->pairs(), "reads back differently");
  return 0;
}
