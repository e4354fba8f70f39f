"""The style tests can fail: each finds what is planted here, and finds nothing in the tree without it."""

import tempfile
from pathlib import Path

import cpp
import dead
import formatting
import layers
import lengths
import links
import readmes
import words

CLEAN = {
    "README.md": "# A\n\nSee [the page](docs/page.md#part-two).\n",
    "docs/page.md": "# Page\n\n## Part two\n",
    "src/LAYERS": "low 0:\nhigh 1: low\nmodels 1: low\nmodels_train 2: low models\n",
    "src/CMakeLists.txt": "foreach(room low high models)\nendforeach()\n",
    "src/low/README.md": "low.h\n",
    "src/low/CMakeLists.txt": "palate_room(low)\n",
    "src/low/low.h": "#pragma once\nint low();\n",
    "src/low/low.cc": '#include "low/low.h"\n\nint low() { return 1; }\n',
    "src/high/README.md": "nothing outside\n",
    "src/high/CMakeLists.txt": "palate_room(high)\n",
    "src/high/high.cc": '#include "low/low.h"\n\nint high() { return low(); }\n',
    "src/models/README.md": "the models\n",
    "src/models/CMakeLists.txt": "palate_room(models)\n",
    "src/models/one/README.md": "one\n",
    "src/models/one/train.cc": '#include "low/low.h"\n\nint train() { return low(); }\n',
    "tests/style/ratchet.json": "{}\n",
    ".clang-format": "BasedOnStyle: Google\nColumnLimit: 100\n",
}

BODY = "  int x = 0;\n" + "  x += 1;\n" * 69
UNFINISHED = "TO" + "DO"
ELSEWHERE = "/ro" + "ot/x"

# (check, files to write over the clean tree, what the one problem must say)
PLANTED = [
    (layers, {"src/low/low.cc": '#include "high/high.h"\n', "src/high/high.h": "#pragma once\n"}, "low may not include"),
    (layers, {"src/high/high.cc": '#include "gone/x.h"\n'}, "is not a file under src/"),
    (layers, {"src/LAYERS": CLEAN["src/LAYERS"] + "empty 2: low\n"}, "empty has no folder"),
    (layers, {"src/LAYERS": CLEAN["src/LAYERS"].replace("low 0:", "low 1:")}, "only lower"),
    (layers, {"src/stray/x.h": "#pragma once\n"}, "src/stray/ has no line"),
    (layers, {"src/models/one/one.cc": '#include "models/one/train.h"\n', "src/models/one/train.h": "\n"},
     "models may not include"),
    (layers, {"src/high/high.cc": '#include "low/truth/x.h"\n', "src/low/truth/x.h": "#pragma once\n"}, "for tests and reports alone"),
    (lengths, {"src/low/long.cc": "int f() {\n" + BODY + "}\n"}, "f: lines (at most 70): 72"),
    (lengths, {"src/low/huge.cc": "int x;\n" * 1001}, "huge.cc: lines (at most 1000): 1001"),
    (lengths, {"src/low/wide.cc": f"// {'x' * 98}\n"}, "columns (at most 100): 101"),
    (lengths, {"src/low/low.h": "int f(int a, int b, int c, int d, int e);\n"}, "f: parameters (at most 4): 5"),
    (lengths, {"tests/style/ratchet.json": '{"src/low/low.cc: f: lines (at most 70)": 80}\n'}, "better than 80"),
    (lengths, {"src/low/many.cc": "".join(f"int f{i}() {{\n{'  int x;' * 1}\n" + "\n" * 40 + "}\n" for i in range(9))},
     "of functions are within 40 lines"),
    (readmes, {"src/low/README.md": None}, "src/low/ has no README.md"),
    (readmes, {"src/low/README.md": "nothing\n"}, "does not mention low/low.h"),
    (readmes, {"src/low/README.md": "low.h\n" * 61}, "61 lines"),
    (readmes, {"src/models/one/README.md": None}, "src/models/one/ has no README.md"),
    (dead, {"src/low/unused.h": "#pragma once\n", "src/low/unused.cc": '#include "low/unused.h"\n'}, "low/unused.h is incl"),
    (dead, {"src/CMakeLists.txt": "foreach(room low models)\n"}, "src/high/high.cc is in no target"),
    (dead, {"docs/lost.md": "# Lost\n"}, "docs/lost.md is linked from nowhere"),
    (dead, {"tests/style/lost.py": "\n"}, "tests/style/lost.py is used by nothing"),
    (links, {"README.md": CLEAN["README.md"] + "[x](docs/none.md)\n"}, "docs/none.md, which does not exist"),
    (links, {"docs/page.md": "# Page\n"}, "no such heading"),
    (words, {"src/low/low.h": f"// {UNFINISHED}: more\n"}, "low.h:1: unfinished work"),
    (words, {"src/low/low.h": f'// "{ELSEWHERE}"\n'}, "low.h:1: a path of one machine"),
    (words, {"src/low/low.h": "int x; \n"}, "white space at the end"),
    (words, {"src/low/low.h": "int x;"}, "no line break at the end"),
    (words, {"deps/pip.conf": "index-" + "url = x\n"}, "a registry's address"),
    (formatting, {"src/low/low.h": "int   x;\n"}, "low.h: not formatted"),
]

# What the scanner must see in each piece: (name, lines with a body or 0, parameters).
READ = [
    ("int f();", [("f", 0, 0)]),
    ("int f(void) { return 1; }", [("f", 1, 0)]),
    ("template <typename T, int N>\nint f(std::map<T, int> a, T b)\n{\n}", [("f", 4, 2)]),
    ("namespace a {\nclass B final : public C {\n public:\n  explicit B(int x) : x_{x}, y_(x) {\n  }\n  int x_;\n};\n}", [("B", 2, 1)]),
    ("bool A::operator==(const A& o) const { return true; }", [("A::operator_", 1, 1)]),
    ("void A::operator()(int a, int b) {\n}", [("A::operator_", 2, 2)]),
    ("const int k = f({1, 2});\nint table[] = {1, 2};\nauto g = [](int a) { return a; };", []),
    ('// int f() {\nconst char* s = "int f() {"; char c = \'{\';', []),
    ("#define F(x) \\\n  void x() {\nint f(std::function<int(int, int)> a = {}, int b = 3);", [("f", 0, 2)]),
    ("[[nodiscard]] Result<int> f(int a)\n    noexcept(true) {\n}", [("f", 3, 1)]),
    ("struct A {\n  virtual Result<int> f(int a, int b) = 0;\n  A(const A&) = delete;\n};", [("f", 0, 2), ("A", 0, 1)]),
    ("TEST(A, B) {\n  auto f = [&](int a, int b, int c, int d, int e) {\n  };\n}", [("TEST", 4, 2)]),
    ('int f() {\n  return R"x(}}} {)x"[0] + 1\'000;\n}\nint g() { return 2; }', [("f", 3, 0), ("g", 1, 0)]),
]


def problems_in(check, changes):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**CLEAN, **changes}.items():
            if content is not None:
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, newline="")
        return check.check(Path(folder))


def check(_root):
    missed = []
    for module in (layers, lengths, readmes, dead, links, words, formatting):
        if found := problems_in(module, {}):
            missed.append(f"{module.__name__} fails on the clean tree: {found}")
    for module, changes, expected in PLANTED:
        found = problems_in(module, changes)
        if not any(expected in problem for problem in found):
            missed.append(f"{module.__name__} should say '{expected}' for {sorted(changes)}, and said {found}")
    for code, expected in READ:
        found = [(function.name, function.lines, function.parameters) for function in cpp.functions(code)]
        if found != expected:
            missed.append(f"functions of {code!r}: {found}, not {expected}")
    return missed
