// Finding delimiters 64 bytes at a time.
#include "events/table_rows.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace palate {

BlockMarks block_marks_plain(const char* bytes, const Dialect& dialect) {
  BlockMarks result;
  for (size_t i = 0; i < 64; ++i) {
    const char c = bytes[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool quote = dialect.quotes && c == '"';
    if (c == dialect.delimiter || c == '\n' || quote) result.marks |= uint64_t{1} << i;
    if (c == dialect.delimiter || c == '\n') continue;
    const bool line_end = c == '\r' && bytes[i + 1] == '\n';
    if ((byte < 0x20 || byte == 0x7f) && !line_end) result.odd |= uint64_t{1} << i;
  }
  return result;
}

#ifdef __SSE2__

BlockMarks block_marks(const char* bytes, const Dialect& dialect) {
  const __m128i delimiter = _mm_set1_epi8(dialect.delimiter);
  const __m128i feed = _mm_set1_epi8('\n');
  const __m128i quote = _mm_set1_epi8(dialect.quotes ? '"' : '\n');
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i del = _mm_set1_epi8(0x7f);
  uint64_t marks = 0, control = 0, ends = 0;
  for (unsigned part = 0; part < 4; ++part) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + 16 * part));
    const __m128i end = _mm_or_si128(_mm_cmpeq_epi8(v, delimiter), _mm_cmpeq_epi8(v, feed));
    const __m128i mark = _mm_or_si128(end, _mm_cmpeq_epi8(v, quote));
    const __m128i low =
        _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, last_control), v), _mm_cmpeq_epi8(v, del));
    const auto bits = [&](__m128i mask) {
      return static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(mask))) << (16 * part);
    };
    marks |= bits(mark);
    ends |= bits(end);
    control |= bits(low);
  }
  uint64_t odd = control & ~ends;
  if (odd != 0) [[unlikely]] {
    return block_marks_plain(bytes, dialect);  // carriage returns want a look at their neighbour
  }
  return {marks, odd};
}

#else

BlockMarks block_marks(const char* bytes, const Dialect& dialect) {
  return block_marks_plain(bytes, dialect);
}

#endif

}  // namespace palate
