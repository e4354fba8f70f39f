// Decoding must be safe on any bytes. The first byte chooses: raw bytes as a block, or as the body
// of a block under a right frame, which reaches past the checksum.
#include <string_view>

#include "base/check.h"
#include "events/block.h"
#include "events/block_frame.h"
#include "events/taste_columns.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  if (size < 3 || size > (size_t{1} << 16)) return 0;
  static const EventTypes types = EventTypes::defaults();
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const uint32_t count = 1u + data[1] + (uint32_t{data[2]} << 8);
  const auto sealed = [&](Stream kind) {
    return seal_block(kind, count, bytes, BlockCompression::kNone);
  };
  switch (data[0] % 5) {
    case 0:
      static_cast<void>(decode_events(bytes, types));
      break;
    case 1: {
      const auto batch = decode_events(sealed(Stream::kEvents), types);
      size_t touched = 0;  // every string must be readable
      if (batch) {
        for (const EventView& row : batch->rows) {
          for (std::string_view text : {row.user, row.item, row.event_id, row.context}) {
            for (char byte : text) touched += static_cast<unsigned char>(byte);
          }
        }
      }
      // The other reader of the same bytes: it looks at fewer columns.
      TasteColumns columns;
      const Status loaded = columns.load(sealed(Stream::kEvents), types);
      PALATE_CHECK(!batch || loaded, "rows can be read, their columns not");
      for (size_t i = 0; loaded && i < columns.rows; ++i) {
        const NameColumn& users = columns.users;
        const size_t entry = users.places.empty() ? i : static_cast<size_t>(users.places[i]);
        touched += users.is_numbers ? static_cast<size_t>(users.numbers[entry])
                                    : users.texts[entry].size();
      }
      volatile size_t sink = touched;
      static_cast<void>(sink);
      break;
    }
    case 2:
      static_cast<void>(decode_items(sealed(Stream::kItems)));
      break;
    case 3:
      static_cast<void>(decode_users(sealed(Stream::kUsers)));
      break;
    default:
      static_cast<void>(decode_decisions(sealed(Stream::kDecisions)));
  }
  return 0;
}
