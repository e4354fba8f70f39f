#include "features/live_position.h"

#include "base/byte_codec.h"

namespace palate {
namespace {
constexpr uint8_t kVersion = 3;
}

std::string encode_live_position(const LivePosition& position) {
  ByteWriter out;
  out.byte(kVersion);
  out.fixed64(position.spec_hash);
  out.fixed64(position.event_types);
  out.fixed64(position.features);
  out.varint(position.events_max);
  out.varint(position.consumed_max);
  out.varint(position.events);
  out.varint(position.users);
  return out.take();
}

Result<LivePosition> decode_live_position(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.byte() != kVersion && in.ok()) return LivePosition{};
  LivePosition position;
  position.spec_hash = in.fixed64();
  position.event_types = in.fixed64();
  position.features = in.fixed64();
  position.events_max = in.varint();
  position.consumed_max = in.varint();
  position.events = in.varint();
  position.users = in.varint();
  if (!in.at_end()) return fail(Code::kCorrupt, "the position of the live state is damaged");
  return position;
}

}  // namespace palate
