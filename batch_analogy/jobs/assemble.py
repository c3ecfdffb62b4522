"""Making the films of a run: which pictures go in, and whether a film is there already."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_analogy.config import OnMissing, RunConfig
from batch_analogy.errors import OutputExistsError, UsageError
from batch_analogy.jobs.events import FilmProgress, FilmWritten, OnEvent
from batch_analogy.jobs.plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of, read_json, write_json
from batch_analogy.media.files import disk_errors
from batch_analogy.media.film import FILM_SUFFIXES, encode_film


@dataclass(frozen=True)
class FilmPlan:
    """One film of a run."""

    output: str  # "a_prime" or "b": which pictures it is made of
    path: Path


def films_of(config: RunConfig) -> list[FilmPlan]:
    """The films that a run makes.

    With both targets the second one is called after the first: ``night.mp4`` and
    ``night-reference.mp4``.
    """
    outputs = outputs_of(config.target)
    path = config.output
    second = path.with_name(f"{path.stem}-reference{path.suffix}")
    return [FilmPlan(name, path if n == 0 else second) for n, name in enumerate(outputs)]


def film_order(
    total: int, done: set[int], on_missing: OnMissing, left_out: Set[int] = frozenset()
) -> list[int]:
    """Which finished frame stands at each place of the film.

    Args:
        total: frames of the input.
        done: indices of finished frames; at least one.
        on_missing: ``"skip"`` leaves places out, otherwise the last good frame is repeated, and
            the first good one before there was any.
        left_out: frames without a place, whatever ``on_missing`` is.

    >>> film_order(5, {1, 3}, "hold"), film_order(5, {1, 3}, "skip")
    ([1, 1, 1, 3, 3], [1, 3])
    >>> film_order(5, {1, 3}, "hold", left_out={0, 2})
    [1, 3, 3]
    """
    if on_missing == "skip":
        return sorted(done)
    order: list[int] = []
    last = min(done)
    for index in (index for index in range(total) if index not in left_out):
        last = index if index in done else last
        order.append(last)
    return order


def check_outputs(config: RunConfig, store: RunStore, *, overwrite: bool) -> None:
    """Refuse, before any work, an output that could not be written at the end of it.

    Raises:
        UsageError: its suffix is not that of a film, or it is a folder.
        OutputExistsError: there is a file that this run did not make.
    """
    path = config.output
    if path.suffix.lower() not in FILM_SUFFIXES:
        raise UsageError(f"output {path} must end in one of {', '.join(FILM_SUFFIXES)}")
    if path.is_dir():
        raise UsageError(f"output {path} is a folder; name a file for the film")
    if overwrite:
        return
    records = _records(store)
    for film in films_of(config):
        if film.path.exists() and not _is_ours(film.path, records.get(str(film.path))):
            raise OutputExistsError(
                f"{film.path} exists and was not made by the run in {store.run_dir}; name "
                "another output with --output, or give --overwrite"
            )


def up_to_date(config: RunConfig, store: RunStore, plan: Plan, done: set[int]) -> bool:
    """Whether all films are there, made from exactly these frames in exactly this way."""
    records = _records(store)
    return all(
        _is_complete(film.path, records.get(str(film.path)), _key(config, plan, done, film))
        for film in films_of(config)
    )


def assemble(
    config: RunConfig, store: RunStore, plan: Plan, done: set[int], on_event: OnEvent
) -> list[Path]:
    """Encode the films that are not up to date.

    Args:
        config: the run.
        store: its folder.
        plan: its plan.
        done: indices of finished frames; at least one.
        on_event: told of progress and of each film.

    Returns:
        The paths of all films.

    Raises:
        FilmError: a film could not be encoded or did not verify.
        OutputDiskError: the disk is full or may not be written to.
    """
    order = _order(config, plan, done)
    missing = tuple(frame.index for frame in plan.wanted() if frame.index not in done)
    for film in films_of(config):
        key = _key(config, plan, done, film)
        if _is_complete(film.path, _records(store).get(str(film.path)), key):
            continue
        _record(store, film.path, {"state": "writing", "key": key})
        with disk_errors(film.path):
            film.path.parent.mkdir(parents=True, exist_ok=True)
        info = encode_film(
            [store.frame(film.output, index) for index in order],
            film.path,
            fps=plan.fps,
            crf=config.crf,
            audio_from=Path(plan.video.path) if config.keep_audio and plan.video else None,
            on_frame=_reporter(on_event, film.path, len(order)),
        )
        facts = {k: v for k, v in dataclasses.asdict(info).items() if isinstance(v, (int, float))}
        size = film.path.stat().st_size
        record = {**facts, "fps": str(plan.fps), "output": film.output, "missing": missing}
        _record(store, film.path, {**record, "state": "done", "key": key, "bytes": size})
        on_event(
            FilmWritten(
                film.path, info.frames, info.height, info.width, info.duration_seconds, missing
            )
        )
    return [film.path for film in films_of(config)]


def _reporter(on_event: OnEvent, path: Path, total: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        on_event(FilmProgress(path, done, total))

    return report


def _order(config: RunConfig, plan: Plan, done: set[int]) -> list[int]:
    # A film with sound keeps its duration: there the places of left-out frames show neighbours.
    left_out = frozenset() if config.keep_audio else plan.leave_out
    return film_order(len(plan.frames), done, config.on_missing, left_out)


def _key(config: RunConfig, plan: Plan, done: set[int], film: FilmPlan) -> str:
    """Equal keys, equal films."""
    content: list[Any] = [
        plan.plan_hash,
        str(plan.fps),
        config.crf,
        config.keep_audio,
        film.output,
        _order(config, plan, done),
    ]
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=20).hexdigest()


def _records(store: RunStore) -> dict[str, dict[str, Any]]:
    return dict((read_json(store.films) or {}).get("films", {}))


def _record(store: RunStore, path: Path, record: dict[str, Any]) -> None:
    write_json(store.films, {"films": {**_records(store), str(path): record}})


def _is_complete(path: Path, record: dict[str, Any] | None, key: str) -> bool:
    if record is None or record.get("state") != "done" or record.get("key") != key:
        return False
    return _size(path) == record.get("bytes")


def _is_ours(path: Path, record: dict[str, Any] | None) -> bool:
    if record is None:
        return False
    return record.get("state") == "writing" or _size(path) == record.get("bytes")


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
