"""Key of a study: which method made which picture. It stays in the comparison's folder.

On the page pictures are named by keyed hashes. Their key is the hash of the comparison's results,
which are not on the page, so the page alone does not reveal the methods.
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
MIN_METHODS, MAX_METHODS = 2, 12

_STUDY_BYTES, _ID_BYTES = 6, 6


@dataclass(frozen=True)
class StudyCase:
    """A target map whose pictures are ranked."""

    id: str
    name: str
    methods: dict[str, str]  # picture id → method


@dataclass(frozen=True)
class StudyKey:
    """A study, and the meaning of its ids."""

    study: str
    methods: tuple[str, ...]
    question: str
    cases: tuple[StudyCase, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that ``read_keys`` restores."""
        return {
            "kind": "batch-analogy study key",
            "format": FORMAT,
            "study": self.study,
            "methods": list(self.methods),
            "question": self.question,
            "cases": [{"id": c.id, "name": c.name, "pictures": c.methods} for c in self.cases],
        }


def make_key(comparison: Comparison, methods: Sequence[str], question: str) -> StudyKey:
    """Assign ids to a study and its pictures.

    The same comparison, methods and question give the same ids.

    Args:
        comparison: the one whose results are ranked. methods: the ones that are shown.
        question: the one that people are asked.

    Raises:
        UsageError: there are too few or too many methods, or one is repeated or was not compared.
    """
    unknown = [method for method in methods if method not in comparison.methods]
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} is not in {comparison.folder.root}; it compares "
            f"{', '.join(comparison.methods)}"
        )
    if len(set(methods)) != len(methods) or not MIN_METHODS <= len(methods) <= MAX_METHODS:
        raise UsageError(
            f"a study ranks {MIN_METHODS} to {MAX_METHODS} different methods, not "
            f"{len(methods)} ({', '.join(methods)})"
        )
    secret = bytes.fromhex(hash_file(comparison.folder.values))
    pictures = [comparison.folder.picture(m, c) for m in methods for c in comparison.cases]
    content = [question, *methods, *comparison.cases, *map(hash_file, pictures)]
    study = _digest(secret, _STUDY_BYTES, *content)

    def id_of(*names: str) -> str:
        return _digest(secret, _ID_BYTES, study, *names)

    cases = tuple(
        StudyCase(id_of(case), case, {id_of(case, method): method for method in methods})
        for case in comparison.cases
    )
    return StudyKey(study, tuple(methods), question, cases)


def write_key(folder: ComparisonFolder, key: StudyKey) -> Path:
    """Write a key into the comparison's folder and return its path.

    Raises:
        OutputDiskError: it cannot be written.
    """
    path = folder.study_key(key.study)
    write_json(path, key.to_json())
    return path


def read_keys(root: Path) -> dict[str, StudyKey]:
    """Read the keys of all studies of a comparison: study → key.

    Raises:
        UsageError: the folder has no key.
        InputError: a key is damaged.
    """
    paths = sorted(root.glob(ComparisonFolder(root).study_key("*").name))
    if not paths:
        raise UsageError(
            f"{root} has no study (study-….json); give the folder of the comparison from which "
            "batch-analogy study make made the page"
        )
    keys = [_read_key(path) for path in paths]
    return {key.study: key for key in keys}


def _read_key(path: Path) -> StudyKey:
    values = read_json(path, remedy="make the study's page again to renew it") or {}
    if values.get("format") != FORMAT:
        raise InputError(
            f"{path} is not a key of format {FORMAT}; make the study's page again to renew it"
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
