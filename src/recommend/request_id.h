// The id of an answer: 128 random bits in hex, so that it is unique without coordination and cannot
// be guessed. Events that answer a slate carry it back.
#pragma once

#include <string>

namespace palate {

std::string new_request_id();  // 32 digits. Thread-safe.
// Replaces chance for tests and benchmarks that must repeat themselves; nullptr brings it back.
void set_request_ids_for_test(std::string (*make)());

}  // namespace palate
