#include "base/version.h"

namespace palate {

std::string_view version() { return PALATE_VERSION; }

}  // namespace palate
