#include "events/table_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return palate::fuzz_table(data, size, {});
}
