#include "models/words.h"

#include <algorithm>
#include <utility>

namespace palate {
namespace {

constexpr char32_t kNoCharacter = 0;

// The next character of valid UTF-8; kNoCharacter, one byte further, for what is none.
char32_t next_character(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return static_cast<char32_t>(text[at++]);
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return ++at, kNoCharacter;
  char32_t out = first & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return ++at, kNoCharacter;
    out = out << 6 | (byte(at + i) & 0x3f);
  }
  at += length;
  return out;
}

void append(std::string& to, char32_t c) {
  const auto tail = [&](int shift) { to += static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    to += static_cast<char>(c);
  } else if (c < 0x800) {
    to += static_cast<char>(0xc0 | c >> 6), tail(0);
  } else if (c < 0x10000) {
    to += static_cast<char>(0xe0 | c >> 12), tail(6), tail(0);
  } else {
    to += static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0);
  }
}

bool within(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

char32_t lower(char32_t c) {
  if (within(c, 'A', 'Z') || (within(c, 0xc0, 0xde) && c != 0xd7)) return c + 32;
  // Latin Extended-A has its pairs side by side, capitals even in some stretches and odd in others.
  const bool even = within(c, 0x100, 0x137) || within(c, 0x14a, 0x177);
  const bool odd = within(c, 0x139, 0x148) || within(c, 0x179, 0x17e);
  if ((even && c % 2 == 0) || (odd && c % 2 == 1)) return c + 1;
  if (within(c, 0x391, 0x3a9) || within(c, 0x410, 0x42f)) return c + 32;
  return within(c, 0x400, 0x40f) ? c + 80 : c;
}

bool is_letter(char32_t c) {
  if (c < 0x80) return within(c, '0', '9') || within(c, 'a', 'z');
  if (c < 0xc0) return c == 0xaa || c == 0xb5 || c == 0xba;
  const bool signs = c == 0xd7 || c == 0xf7 || within(c, 0x2000, 0x206f) ||
                     within(c, 0x20a0, 0x2bff) || within(c, 0x2e00, 0x2e7f) ||
                     within(c, 0x3000, 0x3004) || within(c, 0x3008, 0x3020) || c == 0x30fb ||
                     within(c, 0xfe10, 0xfe6f) || within(c, 0xff00, 0xff0f) ||
                     within(c, 0xff1a, 0xff20) || c >= 0x1f000;
  return !signs;
}

bool writes_no_spaces(char32_t c) {
  return within(c, 0x3040, 0x30ff) || within(c, 0x3400, 0x9fff) || within(c, 0xf900, 0xfaff) ||
         within(c, 0x0e00, 0x0eff) || within(c, 0x1000, 0x109f) || within(c, 0x1780, 0x17ff);
}

// What has been read of words so far.
class Words {
 public:
  void add(char32_t c) {
    const bool pairs = writes_no_spaces(c);
    if (!is_letter(c) || pairs != pairs_) end();
    if (!is_letter(c)) return;
    pairs_ = pairs;
    run_.push_back(c);
  }
  std::vector<std::string> take() && {
    end();
    return std::move(out_);
  }

 private:
  void end() {
    const size_t step = pairs_ ? std::min<size_t>(2, run_.size()) : run_.size();
    for (size_t i = 0; step > 0 && i + step <= run_.size(); ++i) {
      out_.emplace_back();
      for (size_t k = i; k < i + step; ++k) append(out_.back(), run_[k]);
    }
    run_.clear();
  }

  std::vector<char32_t> run_;
  bool pairs_ = false;
  std::vector<std::string> out_;
};

}  // namespace

std::string lower_text(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (c != kNoCharacter) append(out, lower(c));
  }
  return out;
}

std::vector<std::string> words_of(std::string_view text) {
  Words words;
  for (size_t at = 0; at < text.size();) words.add(lower(next_character(text, at)));
  return std::move(words).take();
}

std::vector<std::string> subwords_of(std::string_view word, const SubwordLengths& lengths) {
  const std::string marked = "<" + std::string(word) + ">";
  std::vector<size_t> begins;  // of characters, and the end
  for (size_t at = 0; at < marked.size();) {
    begins.push_back(at);
    next_character(marked, at);
  }
  begins.push_back(marked.size());
  std::vector<std::string> out{marked};
  for (size_t first = 0; first + 1 < begins.size(); ++first) {
    for (size_t n = lengths.shortest; n <= lengths.longest && first + n < begins.size(); ++n) {
      const size_t length = begins[first + n] - begins[first];
      if (length < marked.size()) out.push_back(marked.substr(begins[first], length));
    }
  }
  return out;
}

}  // namespace palate
