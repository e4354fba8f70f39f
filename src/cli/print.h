// What commands print: numbers for people, tables, JSON for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace palate {

void print_line(std::string_view text = "");
// One JSON document on stdout, ended by a newline.
void print_json(const nlohmann::ordered_json& document);
// Columns padded to the widest cell (in characters, not bytes); cells that read as numbers are
// right-aligned.
void print_table(const std::vector<std::string>& heads,
                 const std::vector<std::vector<std::string>>& rows);

// On one line, whatever the bytes are: what no terminal should get is written as \xNN.
std::string printable(std::string_view bytes);

std::string human_count(uint64_t count);    // "1,234,567"
std::string human_bytes(uint64_t bytes);    // "12.3 MiB"
std::string human_seconds(double seconds);  // "1.24 s", "35 ms"

}  // namespace palate
