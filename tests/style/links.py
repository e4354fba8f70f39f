"""Relative links of Markdown pages lead to a file, and their #anchors to a heading."""

import re
from pathlib import Path

import tree

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)


def targets(page):
    """(file, anchor) of each link that stays in the repository."""
    for match in LINK.finditer(FENCE.sub("", tree.text(page))):
        link = match[1] or match[2]
        if not re.match(r"[a-z]+:", link):
            file, _, anchor = link.partition("#")
            yield file, anchor


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*?) *$", FENCE.sub("", tree.text(page)), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check(root):
    problems = []
    for page in tree.files(root, ".md"):
        name = page.relative_to(root)
        for file, anchor in targets(page):
            target = (page.parent / file) if file else page
            if not target.exists():
                problems.append(f"{name}: link to {file}, which does not exist")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                problems.append(f"{name}: link to {file}#{anchor}, and there is no such heading")
    return problems
