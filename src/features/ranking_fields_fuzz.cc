// Whatever the text, reading ends; what is read is written and read back as the same.
#include <cstdlib>

#include "features/ranking_fields.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parts = palate::ranking_fields_from_json(text);
  if (!parts) return 0;
  const std::string written = palate::to_json(*parts);
  const auto again = palate::ranking_fields_from_json(written);
  if (!again || palate::to_json(*again) != written) std::abort();
  const palate::EventTypes types = palate::EventTypes::defaults();
  const auto fields = palate::RankingFields::make(*again, types, {});
  if (fields && fields->ids().empty()) std::abort();
  return 0;
}
