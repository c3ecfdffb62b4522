"""Make the page of a user study: one file with all pictures, which loads and sends nothing."""

from __future__ import annotations

import html
import importlib.resources
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_analogy.files import atomic_write_text
from batch_analogy.report.comparison.results_folder import Comparison
from batch_analogy.report.document import data_url
from batch_analogy.report.study.study_key import FORMAT, StudyKey, make_key, write_key

TITLE = "Which picture is best?"
QUESTION = (
    "Put the pictures in order. First comes the one that follows the new map best and looks most "
    "as if it had been taken in the same place as the first picture."
)
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")  # in page.html


@dataclass(frozen=True)
class StudyPage:
    """A study's page and key, and their files."""

    page: Path
    key_file: Path
    key: StudyKey


def make_study(
    comparison: Comparison,
    page: Path,
    *,
    methods: Sequence[str] | None = None,
    title: str = TITLE,
    question: str = QUESTION,
) -> StudyPage:
    """Write a page on which people rank the methods' results, and the key to their answers.

    Args:
        comparison: the one whose results are ranked; the key is written into its folder.
        page: the HTML file.
        methods: the ones to show; all by default.
        title: the page's heading.
        question: text that tells people what to rank by.

    Raises:
        UsageError: there are too few or too many methods, or an unknown one.
        InputError: a picture cannot be read.
        OutputDiskError: the page or the key cannot be written.
    """
    key = make_key(comparison, methods or comparison.methods, question)
    text = _page(comparison, key, title)
    key_file = write_key(comparison.folder, key)  # first: a page without its key is useless
    atomic_write_text(page, text)
    return StudyPage(page, key_file, key)


def _page(comparison: Comparison, key: StudyKey, title: str) -> str:
    folder = comparison.folder
    cases = [
        {
            "id": case.id,
            "map": data_url(folder.map(case.name)),
            "pictures": [  # sorted by id, so that the order does not tell the methods
                {"id": name, "src": data_url(folder.picture(case.methods[name], case.name))}
                for name in sorted(case.methods)
            ],
        }
        for case in sorted(key.cases, key=lambda case: case.id)
    ]
    study = {
        "format": FORMAT,
        "study": key.study,
        "source": data_url(folder.source),
        "label": data_url(folder.label),
        "cases": cases,
    }
    parts = {
        "title": html.escape(title),
        "question": html.escape(key.question),
        "style": _asset("page.css"),
        "script": _asset("page.js"),
        "study": json.dumps(study).replace("</", "<\\/"),
    }
    return _PLACEHOLDER.sub(lambda match: parts[match[1]], _asset("page.html"))


def _asset(name: str) -> str:
    """Read a file of this package."""
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
