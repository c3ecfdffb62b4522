"""Choose the film and the run folder of a run that names none, apart from those of other runs.

The names follow the source, so two sources may want the same ones: ``a/clip.mp4`` and
``b/clip.mp4``, or two patterns in one folder. The first run to come has the name, and the others
are numbered. The same command finds its own places again, by the inputs that the run folder
records.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from batch_analogy.config.codecs import CODECS, Codec
from batch_analogy.config.painting import PaintConfig
from batch_analogy.config.run import Command, RunConfig
from batch_analogy.errors import BatchAnalogyError
from batch_analogy.files import expand_user, names_beside
from batch_analogy.jobs.folder.manifest import read_manifest
from batch_analogy.jobs.folder.planning_status import earlier_status
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.numbered_output import is_pattern
from batch_analogy.media.patterns import split_pattern
from batch_analogy.media.recordings import find_videos
from batch_analogy.media.sequence import find_stills

_FILM_ENDINGS: dict[Command, str] = {
    "timelapse": "timelapse",
    "stylize": "stylized",
    "analogy": "painted",
}
_MAX_NAME_BYTES = 180  # of the 255 that disks allow; an ending, a number and a suffix follow


@dataclass(frozen=True)
class RunInputs:
    """What a run is made of, with absolute paths."""

    command: Command
    source: str
    reference: Path | None  # None if the run is painted
    examples: frozenset[tuple[str, str]] = frozenset()  # A and A'; keyframes may change
    files: tuple[str, ...] = ()  # pictures or videos that were named one by one

    @classmethod
    def of(
        cls,
        command: Command,
        source: str,
        reference: Path,
        painting: PaintConfig | None,
        files: tuple[str, ...] = (),
    ) -> RunInputs:
        """Return the inputs of a run."""
        if painting is None:
            return cls(command, source, reference, files=files)
        keys = painting.absolute().keys
        examples = frozenset((key.example, key.painted) for key in keys if key.example)
        return cls(command, source, None, examples, files)


def choose_places(
    inputs: RunInputs,
    output: Path | None,
    run_dir: Path | None,
    *,
    codec: Codec,
    taken: Set[Path] = frozenset(),
) -> tuple[Path, Path]:
    """Return the film and the run folder of a run.

    Args:
        inputs: what it is made of.
        output: the film as the user named it; None: choose one in the current folder.
        run_dir: the run folder as the user named it; None: choose one beside the film.
        codec: decides the suffix of a chosen film.
        taken: films of other runs of the same command.
    """
    if output is None:
        film = default_film(inputs.command, inputs.source, codec).absolute()
        if run_dir is not None:
            return _film_for(film, run_dir, taken), run_dir
        free = (one for one in names_beside(film) if one not in taken)
        output = next(one for one in free if _suits(inputs, one))
        return output, default_run_dir(output)
    if run_dir is not None:
        return output, run_dir
    folders = names_beside(default_run_dir(output))
    own = (one for one in folders if _may_use(inputs, RunStore(one), output))
    return output, next(own)


def default_film(command: Command, source: str | Path, codec: Codec = RunConfig.codec) -> Path:
    """Return the name of a film in the current folder, derived from the name of its frames.

    >>> str(default_film("timelapse", "holiday/")), str(default_film("stylize", "a/img*.jpg"))
    ('holiday-timelapse.mp4', 'a-stylized.mp4')
    """
    ending = CODECS[codec].suffixes[0]
    return Path(f"{name_of_source(source)}-{_FILM_ENDINGS[command]}{ending}")


def name_of_source(source: str | Path) -> str:
    """Return the name of a folder or a file without its ending, for that of a film.

    >>> name_of_source("holiday/"), name_of_source("a/clip.mp4"), name_of_source("a/img*.jpg")
    ('holiday', 'clip', 'a')
    """
    path = Path(split_pattern(expand_user(source))[0]).absolute()
    name = path.name if path.is_dir() else path.stem
    short = os.fsencode(name or "frames")[:_MAX_NAME_BYTES].decode(errors="ignore")
    name = name if len(os.fsencode(name)) <= _MAX_NAME_BYTES else short
    return name or "frames"


def default_run_dir(film: Path) -> Path:
    """Return the run folder beside a film.

    >>> str(default_run_dir(Path("films/night.mp4"))), str(default_run_dir(Path("out/%06d.png")))
    ('films/night.run', 'out.run')
    """
    if is_pattern(film):
        folder = film.parent
        return folder.with_name(f"{folder.name}.run") if folder.name else Path("pictures.run")
    return film.with_suffix(".run")


@dataclass(frozen=True)
class _Recorded:
    """What a run folder records of the run in it."""

    output: Path
    inputs: RunInputs | None  # None: unknown, as another version wrote it
    reference_known: bool = True


def _film_for(film: Path, run_dir: Path, taken: Set[Path]) -> Path:
    """Return the film of a run whose folder was named: the one that it records, or a free one."""
    recorded = _read(RunStore(run_dir))
    own = None if recorded is None else recorded.output
    free = (one for one in names_beside(film) if one not in taken)
    return next(one for one in free if one == own or not os.path.lexists(one))


def _suits(inputs: RunInputs, film: Path) -> bool:
    """Return whether a film and its run folder are free, or are those of the same inputs."""
    store = RunStore(default_run_dir(film))
    if _read(store) is None and (os.path.lexists(film) or store.is_foreign()):
        return False
    return _may_use(inputs, store, None)


def _may_use(inputs: RunInputs, store: RunStore, output: Path | None) -> bool:
    """Return whether a run folder is free, or is that of the same inputs or output."""
    recorded = _read(store)
    if recorded is None or recorded.inputs is None or recorded.output == output:
        return True  # if the folder cannot be used all the same, opening it says why
    theirs = recorded.inputs
    if theirs.command != inputs.command:
        return False
    if recorded.reference_known and (
        theirs.examples != inputs.examples
        or not _is_same_reference(inputs.reference, theirs.reference)
    ):
        return False
    return _is_same_source(inputs, theirs, store)


def _read(store: RunStore) -> _Recorded | None:
    """Read what a run folder records; None if no run was begun there."""
    try:
        manifest = read_manifest(store.manifest)
    except BatchAnalogyError:
        return _Recorded(Path(), None)
    if manifest is not None:
        config = manifest.config
        inputs = (config.command, config.source, config.reference, config.painting, config.files)
        return _Recorded(config.output, RunInputs.of(*inputs))
    status = earlier_status(store)
    if status is None:
        return None
    # It is being planned for the first time: its manifest follows.
    planned = RunInputs(cast(Command, status.command), status.source, None)
    return _Recorded(Path(status.output), planned, reference_known=False)


def _is_same_reference(mine: Path | None, theirs: Path | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return mine == theirs or not theirs.exists() or _is_same_file(mine, theirs)


def _is_same_source(mine: RunInputs, theirs: RunInputs, store: RunStore) -> bool:
    """Return whether two sources hold the same frames, even if they were moved or copied."""
    own, other = set(mine.files), set(theirs.files)
    if mine.source == theirs.source and (own <= other or own >= other):
        return True  # a shell lists a folder that has grown with more files
    listed, recorded = _files_of(mine), _files_of(theirs)
    if not listed:
        return True  # planning says what is wrong with it
    if not recorded:
        return _may_have_moved(listed, store)
    if [os.path.basename(path) for path in listed] != [os.path.basename(p) for p in recorded]:
        return False
    ends = ((listed[n], recorded[n]) for n in (0, -1))
    return all(_is_same_file(Path(one), Path(other)) for one, other in ends)


def _files_of(inputs: RunInputs) -> list[str]:
    """Return the video or the pictures of a source; nothing if it is gone."""
    source, files = inputs.source, inputs.files
    if os.path.isfile(source) and not files:
        return [source]
    try:
        videos = find_videos(source, files)
        return [str(v) for v in videos if v.is_file()] if videos else find_stills(source, files)
    except BatchAnalogyError:
        return []


def _may_have_moved(listed: list[str], store: RunStore) -> bool:
    """Return whether files may be those of a run whose source is gone, by name and size."""
    try:
        plan = read_plan(store.plan)
    except BatchAnalogyError:
        return True
    if plan is None:
        return True
    if plan.video is not None:
        return sum(map(os.path.getsize, listed)) == plan.video.bytes
    sizes = {os.path.basename(frame.source): frame.bytes for frame in plan.frames}
    sames = (path for path in listed if os.path.basename(path) in sizes)
    first = next(sames, None)
    return first is not None and os.path.getsize(first) == sizes[os.path.basename(first)]


def _is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths are one file or folder, or files of the same content."""
    try:
        if one.samefile(other):
            return True
        return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
