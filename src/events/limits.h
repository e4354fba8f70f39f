// Every limit on what comes from outside, in one place (docs/formats/event.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace palate {

inline constexpr size_t kIdBytesMax = 256;  // user, item, event_id, request_id
inline constexpr size_t kContextKeysMax = 32;
inline constexpr size_t kContextKeyBytesMax = 64;
inline constexpr size_t kContextBytesMax = 4096;  // of the canonical JSON
inline constexpr int32_t kSlotMax = 1'000'000;
inline constexpr int64_t kFutureUsMax = kDayUs;  // a ts further ahead than this is refused
inline constexpr size_t kEventTypesMax = 1000;
inline constexpr size_t kTypeNameBytesMax = 64;

inline constexpr size_t kTextBytesMax = 64 * 1024;  // a title, description or attribute value
inline constexpr size_t kListEntriesMax = 1024;     // categories, tags, attributes, … of one record
inline constexpr size_t kVectorLengthMax = 8192;
inline constexpr size_t kRecordBytesMax = 1024 * 1024;  // an item or user as JSON

inline constexpr size_t kLineBytesMax = 1024 * 1024;  // a row of a file, its end included
inline constexpr size_t kColumnsMax = 4096;
inline constexpr size_t kChunkBytes = 512 * 1024;  // what one thread parses at a time
// Equal rows are told apart by counting them; this many distinct rows are remembered at least, at
// most twice as many.
inline constexpr size_t kOccurrenceRows = 16 * 1024 * 1024;
inline constexpr size_t kRejectBytesMax = kLineBytesMax;  // of an original row in quarantine
inline constexpr uint64_t kQuarantineBytesMax =
    64ull * 1024 * 1024;  // of one run; then only counts

}  // namespace palate
