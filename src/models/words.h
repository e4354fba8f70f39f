// What is written about items, as words: of any language, without a dictionary.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace palate {

// The words of a text of any language, in order: runs of letters and digits, in lower case where
// Latin, Greek and Cyrillic have one; scripts that write no spaces (Han, kana, Thai, Lao, Khmer,
// Burmese) give pairs of neighbouring characters, or one that stands alone. Bytes that are no UTF-8
// separate words.
std::vector<std::string> words_of(std::string_view text);
// A text in lower case, where its letters have one; bytes that are no UTF-8 are left out.
std::string lower_text(std::string_view text);

// A word's own sign and its runs of `shortest` to `longest` characters, the word being written
// between < and > (Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017,
// section 3.2). Precondition: 1 <= shortest <= longest.
struct SubwordLengths {
  size_t shortest = 3, longest = 5;
};
std::vector<std::string> subwords_of(std::string_view word, const SubwordLengths& lengths = {});

}  // namespace palate
