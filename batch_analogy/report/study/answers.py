"""Read and check the answers of a study: files that its page saved and people sent back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_analogy.errors import InputError, UsageError
from batch_analogy.report.study.study_key import FORMAT, StudyCase, StudyKey

KIND = "batch-analogy study answers"


@dataclass(frozen=True)
class Ranking:
    """One person's ranking of one case."""

    case: str  # its name
    methods: tuple[str, ...]  # the best first
    moves: int  # number of moves; 0: left in the order shown
    seconds: float


@dataclass(frozen=True)
class Answers:
    """Answers of one person."""

    path: Path
    study: str
    person: str
    rankings: tuple[Ranking, ...]


def read_all(paths: Sequence[Path], keys: Mapping[str, StudyKey]) -> tuple[StudyKey, list[Answers]]:
    """Read the answers of one study.

    Args:
        paths: files that its page saved. keys: study → key.

    Returns:
        The study's key, and the answers in the order of their files.

    Raises:
        UsageError: the files belong to several studies or an unknown one, or two belong to one
            person.
        InputError: a file cannot be read or is damaged.
    """
    values = {path: _read(path) for path in paths}
    studies: dict[str, list[Path]] = {}
    for path, value in values.items():
        studies.setdefault(str(value["study"]), []).append(path)
    if len(studies) > 1:
        files = "; ".join(f"study {s}: {', '.join(map(str, p))}" for s, p in studies.items())
        raise UsageError(
            f"these answers belong to {len(studies)} studies; add up each study separately: {files}"
        )
    study = next(iter(studies))
    if study not in keys:
        raise UsageError(
            f"{paths[0]} answers study {study}, which was not made from this comparison (its "
            f"studies are {', '.join(keys)}); give the folder from which the page was made"
        )
    answers = [_answers(path, value, keys[study]) for path, value in values.items()]
    _check_persons(answers)
    return keys[study], answers


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))  # editors may add a BOM
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not valid JSON, or truncated ({error}); have it saved and sent again"
        ) from error
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise InputError(f"{path} has no answers of a study; give the files that its page saved")
    if value.get("format") != FORMAT:
        raise InputError(
            f"{path} has format {value.get('format')}, but this version reads {FORMAT}; use "
            "the version that made the page"
        )
    for name in ("study", "person"):
        if not isinstance(value.get(name), str) or not value[name]:
            raise _damaged(path, f"no {name}")
    return value


def _answers(path: Path, value: Mapping[str, Any], key: StudyKey) -> Answers:
    cases = {case.id: case for case in key.cases}
    found: dict[str, Ranking] = {}
    listed = value.get("answers")
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{path} has no answers; the page saves only orders that were confirmed")
    for entry in listed:
        case = cases.get(str(entry.get("case"))) if isinstance(entry, dict) else None
        if case is None or case.name in found:
            raise _damaged(path, "an unknown or repeated case")
        found[case.name] = _ranking(path, entry, case)
    return Answers(path, key.study, str(value["person"]), tuple(found.values()))


def _ranking(path: Path, entry: Mapping[str, Any], case: StudyCase) -> Ranking:
    ranked, moves, seconds = (entry.get(name) for name in ("ranked", "moves", "seconds"))
    ids = [name for name in ranked if isinstance(name, str)] if isinstance(ranked, list) else []
    if ids != ranked or sorted(ids) != sorted(case.methods):
        raise _damaged(path, f"the order of {case.name} does not contain each picture once")
    if not isinstance(moves, int) or not isinstance(seconds, int | float) or moves < 0:
        raise _damaged(path, f"moves and seconds of {case.name} are not valid numbers")
    return Ranking(case.name, tuple(case.methods[name] for name in ids), moves, float(seconds))


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} is damaged: {what}; have it saved and sent again")


def _check_persons(answers: Sequence[Answers]) -> None:
    """Raise UsageError if a person occurs twice."""
    first: dict[str, Path] = {}
    for one in answers:
        if one.person in first:
            raise UsageError(
                f"{first[one.person]} and {one.path} are from the same person; leave out the one "
                "that was saved earlier"
            )
        first[one.person] = one.path
