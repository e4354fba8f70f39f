#include "base/result.h"

#include <array>

namespace palate {
namespace {

constexpr std::array<CodeInfo, 16> kCodes{{
    {"invalid_argument", 2, 400, "/problems/invalid-argument",
     "The input is wrong; the same call fails again."},
    {"not_found", 3, 404, "/problems/not-found", "The named thing does not exist."},
    {"already_exists", 4, 409, "/problems/already-exists", "The named thing exists already."},
    {"conflict", 5, 409, "/problems/conflict", "Somebody else holds or changed it."},
    {"corrupt", 6, 500, "/problems/corrupt", "Stored bytes do not match their checksum or format."},
    {"unsupported_version", 7, 500, "/problems/unsupported-version",
     "Written by a version that this one cannot read."},
    {"io", 8, 500, "/problems/io", "The operating system refused a read or a write."},
    {"no_space", 9, 507, "/problems/no-space", "The disk or the quota is full."},
    {"busy", 10, 503, "/problems/busy", "The thing is in use; try again."},
    {"overloaded", 11, 429, "/problems/overloaded", "A queue is full; try again later."},
    {"deadline", 12, 504, "/problems/deadline", "Time ran out."},
    {"cancelled", 130, 503, "/problems/cancelled", "Stopped on request."},
    {"unavailable", 13, 503, "/problems/unavailable", "Not there yet."},
    {"permission", 14, 403, "/problems/permission", "Not allowed."},
    {"no_memory", 15, 503, "/problems/no-memory", "It does not fit into the memory that there is."},
    {"internal", 70, 500, "/problems/internal", "A bug of Palate; please report it."},
}};

}  // namespace

const CodeInfo& code_info(Code code) { return kCodes[static_cast<size_t>(code)]; }

Error Error::within(std::string_view where) const {
  return {code, fmt::format("{}: {}", where, message)};
}

}  // namespace palate
