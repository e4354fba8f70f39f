#include "evaluate/report_page.h"

#include <array>

#include <fmt/format.h>

namespace palate {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;
--ink:#1c1e21;--soft:#6a7078;--line:#d9dde2;--page:#fbfbfc;--card:#fff;
--a:#2f6fdb;--b:#d9752b;--c:#2a9d6f;--d:#9a5bd0;--e:#c83f5a;--f:#7c8a1f}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa2ab;--line:#343a41;--page:#15181b;
--card:#1d2125;--a:#6ea0f5;--b:#f0a05f;--c:#5cc79c;--d:#c097ec;--e:#ee7a90;--f:#b5c25a}}
body{margin:0 auto;max-width:64rem;padding:2rem 1rem;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;background:var(--card)}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}td small{color:var(--soft)}
.wide{overflow-x:auto}svg{max-width:100%;height:auto}
text{fill:var(--ink);font:12px system-ui,sans-serif}
.soft{fill:var(--soft)}.axis{stroke:var(--line)}ul{color:var(--soft)}.clear{font-weight:600}
)";
constexpr std::array<std::string_view, 6> kColors{"--a", "--b", "--c", "--d", "--e", "--f"};

}  // namespace

std::string_view page_color(size_t series) { return kColors[series % kColors.size()]; }

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string page_head(std::string_view title) {
  return fmt::format(
      "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
      "content='width=device-width'><title>{0}</title><style>{1}</style><h1>{0}</h1>",
      escaped(title), kStyle);
}

}  // namespace palate
