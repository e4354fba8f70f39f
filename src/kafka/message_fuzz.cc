// A message of Kafka must be safe to read, whatever it holds. The first byte chooses: bytes as a
// block, as the body of a block under a right frame, or as JSON.
#include <string_view>

#include "base/check.h"
#include "events/block_frame.h"
#include "kafka/message.h"

namespace palate {
namespace {

// Every string must be readable, and whatever is taken must be what the log takes.
void check(const Result<MessageRows>& rows, const EventTypes& types) {
  if (!rows) return;
  for (const EventView& row : rows->batch.rows) {
    PALATE_CHECK(row.type.value < types.size(), "a row without a type was taken");
    PALATE_CHECK(
        check_event(row, {.now = row.received}) == Reason::kNone || row.ts.us > row.received.us,
        "a row that breaks a limit was taken");
  }
  size_t before = 0;
  for (const auto& refused : rows->refused) {
    PALATE_CHECK(refused.index >= before, "refused rows come in order");
    before = refused.index;
  }
}

}  // namespace
}  // namespace palate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  if (size < 3 || size > (size_t{1} << 16)) return 0;
  static const EventTypes types = EventTypes::defaults();
  static EventJsonParser parser(types, TimeUs{1'700'000'000'000'000});
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const uint32_t count = 1u + data[1] + (uint32_t{data[2]} << 8);
  const MessagePlace place{"topic", data[1], data[2]};
  switch (data[0] % 3) {
    case 0:
      check(read_block_message(bytes, types), types);
      break;
    case 1:
      check(read_block_message(seal_block(Stream::kEvents, count, bytes, BlockCompression::kNone),
                               types),
            types);
      break;
    default:
      check(read_json_message(bytes, place, parser), types);
  }
  return 0;
}
