"""Citations in code, tests and docs lead to a heading of a page in docs/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

ROOMS = ("batch_analogy", "benchmarks", "cluster", "docs", "examples", "tests")
SUFFIXES = {".md", ".py", ".sh", ".toml", ".yaml", ".yml"}

PAGE = re.compile(r"(?<![\w/])docs/([\w-]+\.md)\b")
CITATION = re.compile(r'(?<![\w/])docs/([\w-]+\.md)`{0,2}((?:(?:,| and) "[^"]+")+)')
OUTSIDE = re.compile(r"facts §|docs/facts|shared/design")
"""Documents that are not in the repository."""
QUOTED = re.compile(r'"([^"]+)"')
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def texts() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of every text file that may cite a page."""
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*")] + list(ROOT.glob("*.md"))
    for path in sorted(paths):
        if path.suffix in SUFFIXES and path != Path(__file__).resolve():
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def unwrapped(text: str) -> str:
    """Join lines, so that a citation may be wrapped, in a comment too.

    >>> unwrapped('# (docs/method.md, "Film' + chr(10) + '    # metrics")')
    '# (docs/method.md, "Film metrics")'
    """
    return re.sub(r"\s*\n\s*(?:#+ )?", " ", text)


def citations() -> list[tuple[str, str, str]]:
    """List (file, page, heading) of every citation."""
    return [
        (name, found[1], heading)
        for name, text in texts()
        for found in CITATION.finditer(unwrapped(text))
        for heading in QUOTED.findall(found[2])
    ]


def headings(page: str) -> list[str]:
    """List the headings of a page, code blocks left out."""
    text = re.sub(r"^```.*?^```", "", (DOCS / page).read_text("utf-8"), flags=re.M | re.S)
    return HEADING.findall(text)


def test_the_package_cites_the_method_page() -> None:
    assert len([name for name, _, _ in citations() if name.startswith("batch_analogy/")]) > 30


@pytest.mark.parametrize(("name", "page", "heading"), citations())
def test_a_citation_leads_to_a_heading(name: str, page: str, heading: str) -> None:
    assert (DOCS / page).is_file(), f"{name} cites docs/{page}, which does not exist"
    assert heading in headings(page), f'{name} cites "{heading}", which docs/{page} does not have'


@pytest.mark.parametrize("name", [name for name, _ in texts()])
def test_cited_documents_are_in_the_repository(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert OUTSIDE.findall(text) == []
    assert [page for page in PAGE.findall(text) if not (DOCS / page).is_file()] == []


def test_headings_of_the_method_page_are_unique() -> None:
    found = headings("method.md")
    assert sorted(set(found)) == sorted(found)
