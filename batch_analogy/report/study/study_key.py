"""Which method made which picture of a study: known in the comparison's folder, not on the page.

Pictures are named by hashes that nobody can work out from the page alone: they are keyed with the
comparison's own figures, which the page does not hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_analogy.errors import InputError, UsageError
from batch_analogy.files import NON_UTF8_ERRORS, hash_file
from batch_analogy.json_files import read_json, write_json
from batch_analogy.report.comparison.results_folder import Comparison, ComparisonFolder

FORMAT = 1
LEAST_METHODS, MOST_METHODS = 2, 12

_STUDY_BYTES, _ID_BYTES = 6, 6


@dataclass(frozen=True)
class StudyCase:
    """One thing to be ranked."""

    id: str
    name: str
    methods: dict[str, str]  # picture id → method


@dataclass(frozen=True)
class StudyKey:
    """A study, and what its ids stand for."""

    study: str
    methods: tuple[str, ...]
    question: str
    cases: tuple[StudyCase, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values that ``read_key`` restores."""
        return {
            "kind": "batch-analogy study key",
            "format": FORMAT,
            "study": self.study,
            "methods": list(self.methods),
            "question": self.question,
            "cases": [{"id": c.id, "name": c.name, "pictures": c.methods} for c in self.cases],
        }


def make_key(comparison: Comparison, methods: Sequence[str], question: str) -> StudyKey:
    """Name everything of a study anew.

    The same comparison, methods and question give the same names.

    Args:
        comparison: what is to be ranked. methods: those of it that are shown.
        question: what people are asked.

    Raises:
        UsageError: too few or too many methods, one twice, or one that was not compared.
    """
    unknown = [method for method in methods if method not in comparison.methods]
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} is not in {comparison.folder.root}; it compares "
            f"{', '.join(comparison.methods)}"
        )
    if len(set(methods)) != len(methods) or not LEAST_METHODS <= len(methods) <= MOST_METHODS:
        raise UsageError(
            f"a study ranks {LEAST_METHODS} to {MOST_METHODS} different methods, not "
            f"{len(methods)} ({', '.join(methods)})"
        )
    secret = bytes.fromhex(hash_file(comparison.folder.values))
    pictures = [comparison.folder.picture(m, c) for m in methods for c in comparison.cases]
    content = [question, *methods, *comparison.cases, *map(hash_file, pictures)]
    study = _digest(secret, _STUDY_BYTES, *content)

    def named(*what: str) -> str:
        return _digest(secret, _ID_BYTES, study, *what)

    cases = tuple(
        StudyCase(named(case), case, {named(case, method): method for method in methods})
        for case in comparison.cases
    )
    return StudyKey(study, tuple(methods), question, cases)


def write_key(folder: ComparisonFolder, key: StudyKey) -> Path:
    """Keep a key in the comparison's folder.

    Raises:
        OutputDiskError: it cannot be written.
    """
    path = folder.study_key(key.study)
    write_json(path, key.to_json())
    return path


def read_keys(root: Path) -> dict[str, StudyKey]:
    """Study → its key, of all that were made of a comparison.

    Raises:
        UsageError: the folder holds none. InputError: one is damaged.
    """
    paths = sorted(root.glob(ComparisonFolder(root).study_key("*").name))
    if not paths:
        raise UsageError(
            f"{root} holds no study (study-….json); give the folder of the comparison that "
            "batch-analogy study make made the page of"
        )
    keys = [_read_key(path) for path in paths]
    return {key.study: key for key in keys}


def _read_key(path: Path) -> StudyKey:
    values = read_json(path, remedy="make the study's page again to renew it") or {}
    if values.get("format") != FORMAT:
        raise InputError(
            f"{path} is no key of format {FORMAT}; make the study's page again to renew it"
        )
    try:
        cases = tuple(
            StudyCase(case["id"], case["name"], dict(case["pictures"])) for case in values["cases"]
        )
        return StudyKey(values["study"], tuple(values["methods"]), values["question"], cases)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is damaged ({error!r}); make the study's page again to renew it"
        ) from error


def _digest(secret: bytes, size: int, *parts: str) -> str:
    text = "\0".join(parts).encode(errors=NON_UTF8_ERRORS)
    return hashlib.blake2b(text, digest_size=size, key=secret).hexdigest()
