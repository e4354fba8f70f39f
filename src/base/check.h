// A broken invariant is a bug: the program aborts with a message, in release builds too. Not for
// bad input (Result).
#pragma once

namespace palate {
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const char* message);
}

#define PALATE_CHECK(condition, message)                               \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::palate::check_failed(#condition, __FILE__, __LINE__, message); \
  } while (false)
