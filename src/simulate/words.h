// The words that titles are made of: heads by category and tails, in English, German and Spanish.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace palate {

struct Phrase {
  std::string_view en, de, es;
};

struct CategoryWords {
  std::string_view name;
  std::array<Phrase, 10> heads;
};

std::span<const CategoryWords> category_words();
std::span<const Phrase> title_tails();
std::span<const std::string_view> first_names();
std::span<const std::string_view> last_names();

}  // namespace palate
