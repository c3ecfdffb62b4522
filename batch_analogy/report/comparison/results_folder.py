"""The folder that ``compare`` writes: a source, target maps, and what each method made of them.

compare.json   what was compared, how it was made, and the figures
compare.html   the same to look at
source.png     the picture and
label.png      its map, at the size at which all worked
maps/NAME.png  a target map each
pictures/METHOD/NAME.png
sheets/NAME.png
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
"""What helps where the folder is damaged."""
VALUES, PAGE = "compare.json", "compare.html"


@dataclass(frozen=True)
class ComparisonFolder:
    """Where everything in a comparison's folder lies."""

    root: Path

    @property
    def values(self) -> Path:
        """What was compared, and the figures."""
        return self.root / VALUES

    @property
    def page(self) -> Path:
        """The page to look at."""
        return self.root / PAGE

    @property
    def progress(self) -> Path:
        """What of it is made, and of what: to go on after an interruption."""
        return self.root / "progress.json"

    @property
    def model(self) -> Path:
        """The network of Semantic Image Analogy, where it was trained for this."""
        return self.root / "model"

    @property
    def source(self) -> Path:
        """The picture."""
        return self.root / "source.png"

    @property
    def label(self) -> Path:
        """Its map."""
        return self.root / "label.png"

    def map(self, case: str) -> Path:
        """A target map."""
        return self.root / "maps" / f"{case}.png"

    def picture(self, method: str, case: str) -> Path:
        """What a method made of it."""
        return self.root / "pictures" / method / f"{case}.png"

    def sheet(self, case: str) -> Path:
        """All of a case side by side."""
        return self.root / "sheets" / f"{case}.png"

    def study_key(self, study: str) -> Path:
        """Which picture of a study is whose."""
        return self.root / f"study-{study}.json"


@dataclass(frozen=True)
class Comparison:
    """A finished comparison."""

    folder: ComparisonFolder
    methods: tuple[str, ...]
    cases: tuple[str, ...]
    values: Mapping[str, Any]  # all that compare.json holds


def read_comparison(root: Path) -> Comparison:
    """Read what ``compare`` wrote.

    Raises:
        UsageError: the folder holds no comparison, a damaged one, or one of another version.
        InputError: a picture of it is gone.
    """
    folder = ComparisonFolder(root)
    values = read_json(folder.values, remedy=AGAIN)
    if values is None:
        raise UsageError(
            f"{root} holds no finished comparison ({VALUES}); give the folder that batch-analogy "
            "compare wrote"
        )
    if values.get("format") != FORMAT:
        raise UsageError(
            f"{folder.values} has format {values.get('format')}, this version reads {FORMAT}; "
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
            raise InputError(f"{path} is gone; put it back, or {AGAIN}")
    return found
