"""The folder that ``compare`` writes.

compare.json              inputs, settings and metrics
compare.html              the same as a page, with the pictures
progress.json             pictures made so far
source.png, label.png     the picture and its label map, at the working size
maps/NAME.png             target maps
pictures/METHOD/NAME.png  results
sheets/NAME.png           all results of a target map side by side
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_analogy.errors import InputError, UsageError
from batch_analogy.json_files import read_json

FORMAT = 1
AGAIN = "compare again with --overwrite"
"""Remedy in messages about a damaged folder."""
VALUES, PAGE = "compare.json", "compare.html"


@dataclass(frozen=True)
class ComparisonFolder:
    """Paths in the folder of a comparison."""

    root: Path

    @property
    def values(self) -> Path:
        """Inputs, settings and metrics."""
        return self.root / VALUES

    @property
    def page(self) -> Path:
        """The HTML page."""
        return self.root / PAGE

    @property
    def progress(self) -> Path:
        """Pictures made so far and their inputs, for resuming."""
        return self.root / "progress.json"

    @property
    def model(self) -> Path:
        """Model of Semantic Image Analogy, if it was trained for this comparison."""
        return self.root / "model"

    @property
    def source(self) -> Path:
        """The picture."""
        return self.root / "source.png"

    @property
    def label(self) -> Path:
        """Its label map."""
        return self.root / "label.png"

    def map(self, case: str) -> Path:
        """A target map."""
        return self.root / "maps" / f"{case}.png"

    def picture(self, method: str, case: str) -> Path:
        """Result of a method for a target map."""
        return self.root / "pictures" / method / f"{case}.png"

    def sheet(self, case: str) -> Path:
        """All results for a target map, side by side."""
        return self.root / "sheets" / f"{case}.png"

    def study_key(self, study: str) -> Path:
        """Key of a study: which method made which picture."""
        return self.root / f"study-{study}.json"


@dataclass(frozen=True)
class Comparison:
    """A finished comparison."""

    folder: ComparisonFolder
    methods: tuple[str, ...]
    cases: tuple[str, ...]
    values: Mapping[str, Any]  # content of compare.json


def read_comparison(root: Path) -> Comparison:
    """Read the results of ``compare``.

    Raises:
        UsageError: the folder has no comparison, a damaged one, or one of another format.
        InputError: a picture is missing.
    """
    folder = ComparisonFolder(root)
    values = read_json(folder.values, remedy=AGAIN)
    if values is None:
        raise UsageError(
            f"{root} has no finished comparison ({VALUES}); give a folder that batch-analogy "
            "compare wrote"
        )
    if values.get("format") != FORMAT:
        raise UsageError(
            f"{folder.values} has format {values.get('format')}, but this version reads {FORMAT}; "
            "compare again with this version"
        )
    try:
        methods = tuple(str(name) for name in values["methods"])
        cases = tuple(str(case["name"]) for case in values["cases"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"{folder.values} lacks methods or cases; {AGAIN}") from error
    found = Comparison(folder, methods, cases, values)
    wanted = [folder.source, folder.label, *(folder.map(case) for case in cases)]
    wanted += [folder.picture(method, case) for method in methods for case in cases]
    for path in wanted:
        if not path.is_file():
            raise InputError(f"{path} is missing; put it back, or {AGAIN}")
    return found
