"""What people send back: files that the study's page saved, checked before anything is counted."""

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
    """One person's order of one case."""

    case: str  # its name
    methods: tuple[str, ...]  # the best first
    moves: int  # how often a picture was moved; 0: left as it was shown
    seconds: float


@dataclass(frozen=True)
class Answers:
    """What one person sent."""

    path: Path
    study: str
    person: str
    rankings: tuple[Ranking, ...]


def read_all(paths: Sequence[Path], keys: Mapping[str, StudyKey]) -> tuple[StudyKey, list[Answers]]:
    """Read the answers of one study.

    Args:
        paths: files that its page saved. keys: the studies that are known.

    Returns:
        The study's key, and the answers in the order of their files.

    Raises:
        UsageError: the files are of several studies, of one that is not known, or two are of one
            person. InputError: a file cannot be read or is damaged.
    """
    values = {path: _read(path) for path in paths}
    studies: dict[str, list[Path]] = {}
    for path, value in values.items():
        studies.setdefault(str(value["study"]), []).append(path)
    if len(studies) > 1:
        told = "; ".join(f"study {s}: {', '.join(map(str, p))}" for s, p in studies.items())
        raise UsageError(f"these answers are of {len(studies)} studies, add each alone: {told}")
    study = next(iter(studies))
    if study not in keys:
        raise UsageError(
            f"{paths[0]} answers study {study}, which was not made of this comparison (its studies "
            f"are {', '.join(keys)}); give the folder that this page was made of"
        )
    answers = [_answers(path, value, keys[study]) for path, value in values.items()]
    _refuse_twice(answers)
    return keys[study], answers


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))  # editors put a mark in front
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is no JSON, or cut short ({error}); have it saved and sent again"
        ) from error
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise InputError(f"{path} holds no answers of a study; give the files that its page saved")
    if value.get("format") != FORMAT:
        raise InputError(
            f"{path} has format {value.get('format')}, this version reads {FORMAT}; use the "
            "version that made the page"
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
        raise InputError(f"{path} holds no answer; the page saves those whose order was confirmed")
    for entry in listed:
        case = cases.get(str(entry.get("case"))) if isinstance(entry, dict) else None
        if case is None or case.name in found:
            raise _damaged(path, "a case that the study does not have, or one twice")
        found[case.name] = _ranking(path, entry, case)
    return Answers(path, key.study, str(value["person"]), tuple(found.values()))


def _ranking(path: Path, entry: Mapping[str, Any], case: StudyCase) -> Ranking:
    ranked, moves, seconds = (entry.get(name) for name in ("ranked", "moves", "seconds"))
    words = [name for name in ranked if isinstance(name, str)] if isinstance(ranked, list) else []
    if words != ranked or sorted(words) != sorted(case.methods):
        raise _damaged(path, f"the order of {case.name} does not hold each picture once")
    if not isinstance(moves, int) or not isinstance(seconds, int | float) or moves < 0:
        raise _damaged(path, f"how {case.name} was ordered is not told in numbers")
    return Ranking(case.name, tuple(case.methods[name] for name in words), moves, float(seconds))


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} is damaged: {what}; have it saved and sent again")


def _refuse_twice(answers: Sequence[Answers]) -> None:
    first: dict[str, Path] = {}
    for one in answers:
        if one.person in first:
            raise UsageError(
                f"{first[one.person]} and {one.path} are of the same person; leave one out (the "
                "one that was saved earlier)"
            )
        first[one.person] = one.path
