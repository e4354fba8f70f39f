#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace palate {

void check_failed(const char* condition, const char* file, int line, const char* message) {
  std::fprintf(stderr, "palate: broken invariant: %s (%s) at %s:%d. Please report this.\n", message,
               condition, file, line);
  std::abort();
}

}  // namespace palate
