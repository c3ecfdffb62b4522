"""A trained model applied to target maps: pictures, or a film where the maps are a sequence."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from batch_analogy.analogy.semantic.detail import Detail
from batch_analogy.analogy.semantic.label_maps import Classes, read_classes
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.config.codecs import CODECS
from batch_analogy.errors import FrameError, InputError, OutputExistsError, UsageError
from batch_analogy.jobs.drive.stopping import StoppedEncodingError, unless_stopped
from batch_analogy.jobs.semantic.events import MapDone, OnSemanticEvent, ignore
from batch_analogy.jobs.semantic.model_files import read_labels, read_pair
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.film import encode_film
from batch_analogy.media.numbered_output import is_pattern, numbered
from batch_analogy.media.sequence import find_stills, is_video
from batch_analogy.media.stills import FloatPixels, write_png

LEAST_FRAMES = 3
"""So many numbered maps are a sequence, and become a film unless something else is asked for."""
FRAMES = "frames"
MAPS_CHECKED = 8
"""Target maps, before training."""
DEFAULT_FPS = Fraction(24)

_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True)
class ApplyResult:
    """What became of the target maps."""

    pictures: tuple[Path, ...]
    film: Path | None
    failed: tuple[tuple[Path, str], ...]
    total: int
    interrupted: bool
    flicker: float | None  # mean change of what keeps its class from map to map, in [0, 1]


def find_maps(source: str) -> list[Path]:
    """The target maps of a folder, a pattern or a single file, in natural order.

    Raises:
        UsageError: it does not exist, or is a video.
        InputError: the folder is empty or holds no pictures.
    """
    if is_video(Path(source)):
        raise UsageError(
            f"{source} is a video; target maps are pictures: a video's colours are not flat "
            "enough. Export it as PNG"
        )
    return [Path(path) for path in find_stills(source)]


def check_maps(picture: Path, label: Path, maps: Sequence[Path]) -> None:
    """Refuse target maps none of which can be used, before a network is trained for them.

    Raises:
        InputError: all of those that are looked at hold colours that the label map has not, or
            the label map itself cannot be used.
        FrameError: all cannot be read.
    """
    _, _, palette = read_pair(picture, label)
    first: InputError | None = None
    for path in maps[:MAPS_CHECKED]:
        try:
            read_classes(read_labels(path), palette, name=str(path))
        except InputError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def is_sequence(maps: Sequence[Path]) -> bool:
    """Whether maps are the frames of a film: one name, numbered one after the other.

    >>> is_sequence([Path(f"map{n:03}.png") for n in range(5)])
    True
    >>> is_sequence([Path("1.png"), Path("2.png"), Path("6.png")])
    False
    """
    matches = [_NUMBERED.fullmatch(path.stem) for path in maps]
    if len(maps) < LEAST_FRAMES or not all(matches):
        return False
    numbers = [int(match[2]) for match in matches if match]
    one_name = len({match[1] for match in matches if match}) == 1
    return one_name and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def is_film(output: Path) -> bool:
    """Whether an output's name is a film's."""
    return output.suffix.lower() in CODECS["h264"].suffixes


def picture_paths(output: Path, maps: Sequence[Path], frames: Path) -> list[Path]:
    """Where the picture of each map goes.

    Args:
        output: a film, a pattern like ``out/%06d.png``, one picture, or a folder.
        maps: the target maps.
        frames: the folder for a film's pictures.

    Raises:
        UsageError: one picture was named for several maps, or two maps have one name.
    """
    if is_film(output):
        return [frames / f"{index:06d}.png" for index in range(len(maps))]
    if is_pattern(output):
        return [numbered(output, index) for index in range(len(maps))]
    if output.suffix.lower() == ".png":
        if len(maps) > 1:
            raise UsageError(
                f"{len(maps)} target maps cannot all become {output}; give a folder, a pattern "
                "such as out/%06d.png, or a film such as out.mp4"
            )
        return [output]
    if output.suffix:
        films = ", ".join(CODECS["h264"].suffixes)
        raise UsageError(
            f"output {output} is neither a .png nor a film ({films}) nor a folder; choose one of "
            "these"
        )
    places = [output / f"{path.stem}.png" for path in maps]
    if len(set(places)) < len(places):
        raise UsageError(
            f"some target maps have the same name; give a pattern such as {output / '%06d.png'}"
        )
    return places


def frames_folder(folder: Path, film: Path) -> Path:
    """The folder in a model's own for a film's pictures.

    Films of one name may be made at once in several places: each has a folder of its own.
    """
    mark = hashlib.blake2b(os.fsencode(film), digest_size=4).hexdigest()
    return folder / FRAMES / f"{film.stem}-{mark}"


def refuse_existing_outputs(output: Path, places: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse to replace what is there.

    Raises:
        OutputExistsError: something is, and overwriting was not asked for.
    """
    wanted = [output] if is_film(output) else places
    there = [path for path in wanted if path.exists()]
    if there and not overwrite:
        raise OutputExistsError(
            f"{there[0]} exists; replace it with --overwrite, or name another output with -o"
        )


def apply_maps(
    model: SemanticModel,
    maps: Sequence[Path],
    places: Sequence[Path],
    *,
    film: Path | None = None,
    fps: Fraction = DEFAULT_FPS,
    detail: bool = False,
    on_event: OnSemanticEvent = ignore,
    stopped: Callable[[], bool] = lambda: False,
) -> ApplyResult:
    """Make a picture of each map, and a film of all.

    One bad map does not end the others; where some are missing there is no film.

    Args:
        model: the trained network.
        maps: target maps.
        places: where the picture of each goes.
        film: the film, if there is to be one.
        fps: its frames a second.
        detail: whether the picture's own detail is added (``analogy.semantic.detail``).
        on_event: called with each event.
        stopped: asked before each map, and while the film is made.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
        FilmError: the film could not be encoded, such as of maps of different sizes.
    """
    done: list[Path] = []
    failed: list[tuple[Path, str]] = []
    flicker = Flicker()
    detailed = Detail(model) if detail else None
    for path, place in zip(maps, places, strict=True):
        if stopped():
            break
        try:
            classes = model.read(read_labels(path), name=str(path))
        except (InputError, FrameError) as error:
            failed.append((path, str(error)))
            continue
        image = model.apply(classes, name=str(path))
        if detailed is not None:
            image = detailed.add(image, torch.from_numpy(classes)[None])
        made = np.ascontiguousarray(image[0].permute(1, 2, 0).cpu().numpy())
        write_png(place, made)
        flicker.add(classes, made)
        done.append(place)
        on_event(MapDone(len(done), len(maps), place))
    interrupted, encoded = len(done) + len(failed) < len(maps), False
    if film is not None and len(done) == len(maps):
        encoded = bool(unless_stopped(lambda: _encode(done, film, fps, stopped), stopped))
        interrupted = not encoded
    return ApplyResult(
        tuple(done),
        film if encoded else None,
        tuple(failed),
        len(maps),
        interrupted=interrupted,
        flicker=flicker.mean,
    )


def _encode(
    pictures: Sequence[Path], film: Path, fps: Fraction, stopped: Callable[[], bool]
) -> bool:
    """Make the film; True once it is there."""

    def go_on(count: int) -> None:
        if stopped():
            raise StoppedEncodingError

    go_on(0)
    encode_film(pictures, film, fps=fps, encoding=EncodingOptions(), on_frame=go_on)
    return True


class Flicker:
    """How much a film's pictures change where its maps do not."""

    def __init__(self) -> None:
        self._before: tuple[Classes, FloatPixels] | None = None
        self._found: list[float] = []

    def add(self, classes: Classes, made: FloatPixels) -> None:
        """Take the next picture; one of another size begins anew."""
        if self._before is not None and self._before[0].shape == classes.shape:
            same = self._before[0] == classes
            if same.any():
                self._found.append(float(np.abs(made - self._before[1])[same].mean()))
        self._before = classes, made

    @property
    def mean(self) -> float | None:
        """None of fewer than two."""
        return sum(self._found) / len(self._found) if self._found else None
