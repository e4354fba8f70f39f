"""Finds the functions of a C++ file: where each begins and ends and how many parameters it takes.

No compiler: a scanner that knows comments, literals, preprocessor lines and brackets, and reads what stands before each
brace. It is held against planted code by selftest.py. A lambda belongs to the function around it.
"""

import re
from dataclasses import dataclass


@dataclass
class Function:
    name: str
    line: int
    lines: int  # 0 for a declaration
    parameters: int


LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.S,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
OPENERS, CLOSERS = "([{", ")]}"


def blank(code):
    """The code with comments, literals and directives overwritten, line breaks kept."""

    def overwrite(match):
        inner = re.sub(r"[^\n]", " ", match[0])
        return f'"{inner[1:-1]}"' if match[0][0] in "\"'R" else inner

    code = LITERAL.sub(overwrite, code)
    return DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), code)


def closing(code, start):
    """The index of the bracket that closes the one at start."""
    depth = 0
    for match in re.compile(r"[(){}\[\]]").finditer(code, start):
        depth += 1 if match[0] in OPENERS else -1
        if depth == 0:
            return match.start()
    raise ValueError(f"line {code.count(chr(10), 0, start) + 1}: bracket without its end")


def simplify(head):
    """The head without what has brackets but is no parameter list."""
    head = re.sub(r"\boperator\s*(\(\s*\)|\[\s*\]|[^\s\w(]+)", "operator_", head)
    head = re.sub(r"\[\[.*?\]\]", " ", head, flags=re.S)
    for word in ("template", "requires", "noexcept", "explicit", "alignas", "decltype", "__attribute__"):
        at = 0
        while match := re.compile(rf"\b{word}\s*([(<])").search(head, at):
            at = match.start(1)
            end = closing_angle(head, at) if match[1] == "<" else closing(head, at)
            head = head[: match.start()] + " " * (end + 1 - match.start()) + head[end + 1 :]
    return head


def closing_angle(code, start):
    depth = 0
    for at in range(start, len(code)):
        if code[at] == "<":
            depth += 1
        elif code[at] == ">" and code[at - 1] != "-":
            depth -= 1
            if depth == 0:
                return at
    raise ValueError("angle bracket without its end")


def count_parameters(inside):
    if inside.strip() in ("", "void"):
        return 0
    depth, commas = 0, 0
    for at, char in enumerate(inside):
        if char in "([{<":
            depth += 1
        elif char in ")]}" or (char == ">" and inside[at - 1] != "-"):
            depth -= 1
        elif char == "," and depth == 0:
            commas += 1
    return commas + 1


def signature(head):
    """Name and number of parameters, or None where the head is no function's."""
    head = simplify(head)
    match = re.search(r"([\w~:]+)\s*(?:<[^()]*>)?\s*\(", head)
    if not match or "=" in re.sub(r"[<>=!]=", "", head[: match.start()]):
        return None
    if re.match(r"\s*(if|for|while|switch|return|using|typedef|static_assert|friend)\b", head):
        return None
    opens = match.end() - 1
    return match[1], count_parameters(head[opens + 1 : closing(head, opens)])


def is_member_brace(head):
    """Whether a brace after this head starts a member's initializer, not the constructor's body."""
    return re.search(r"\)\s*(noexcept)?\s*:[^:]", simplify(head)) and re.search(r"[\w>]\s*$", head)


def functions(source):
    """All functions with a body, and all declared ones, outermost first."""
    code = blank(source)
    found, begin, at = [], 0, 0
    for_brackets = re.compile(r"[(){};\[]")
    while match := for_brackets.search(code, at):
        char, at = match[0], match.end()
        head = code[begin : match.start()]
        if char in "([":
            at = closing(code, match.start()) + 1
        elif char == "}":
            begin = at
        elif char == ";":
            add(found, code, begin, match.start(), body_end=None)
            begin = at
        elif is_scope(head):
            begin = at
        elif is_member_brace(head):
            at = closing(code, match.start()) + 1
        else:
            end = closing(code, match.start())
            if add(found, code, begin, match.start(), body_end=end):
                begin = end + 1
            at = end + 1
    return found


def is_scope(head):
    """Whether a brace after this head opens a namespace, class, struct or union."""
    head = re.sub(r"\b(public|private|protected)\s*:(?!:)", " ", simplify(head)).strip()
    if re.match(r"(inline\s+)?namespace\b|extern\s*\"", head):
        return True
    return re.match(r"(typedef\s+|static\s+)?(class|struct|union)\b", head) is not None and "(" not in head


def add(found, code, begin, end, body_end):
    head = re.sub(r"\b(public|private|protected)\s*:(?!:)", lambda m: " " * len(m[0]), code[begin:end])
    signed = signature(head)
    if not signed:
        return False
    first = code.count("\n", 0, begin + len(head) - len(head.lstrip())) + 1
    lines = code.count("\n", 0, body_end) + 2 - first if body_end else 0
    found.append(Function(signed[0], first, lines, signed[1]))
    return True
