"""Apply a trained model to target maps: make pictures, or a film if the maps are a sequence."""

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
from batch_analogy.media.recordings import find_videos
from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import FloatPixels, write_png
from batch_analogy.output_claims import OutputClaims

LEAST_FRAMES = 3
"""Least number of numbered maps that become a film unless another output is named."""
FRAMES = "frames"
MAPS_CHECKED = 8
"""Number of target maps that are checked before training."""
DEFAULT_FPS = Fraction(24)

_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True)
class ApplyResult:
    """Pictures and film made from target maps."""

    pictures: tuple[Path, ...]
    film: Path | None
    failed: tuple[tuple[Path, str], ...]  # map and message
    total: int
    interrupted: bool
    flicker: float | None  # mean change of pixels that keep their class, in [0, 1]


def find_maps(source: str, files: Sequence[str] = ()) -> list[Path]:
    """Find the target maps of a folder, a pattern or a single file, in natural order.

    Args:
        source: as the user typed it.
        files: what was named one by one, if there was more than one.

    Raises:
        UsageError: it does not exist, or is a video.
        InputError: the folder is empty or contains no pictures.
    """
    if videos := find_videos(source, files):
        raise UsageError(
            f"{videos[0]} is a video, whose colours are not flat enough for target maps: export it "
            "as PNG pictures"
        )
    return [Path(path) for path in find_stills(source, files)]


def check_maps(picture: Path, label: Path, maps: Sequence[Path]) -> None:
    """Check before training that at least one of the first target maps can be used.

    Raises:
        InputError: the label map cannot be used, or all checked maps have colours that it lacks.
        FrameError: none of the checked maps can be read.
    """
    _, _, palette = read_pair(picture, label)
    first: InputError | None = None
    for path in maps[:MAPS_CHECKED]:
        try:
            read_classes(read_labels(path, palette), palette, name=str(path))
        except InputError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def is_sequence(maps: Sequence[Path]) -> bool:
    """Tell whether maps are the frames of a film: one name, with consecutive numbers.

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
    """Tell whether an output has the suffix of a film."""
    return output.suffix.lower() in CODECS["h264"].suffixes


def picture_paths(output: Path, maps: Sequence[Path], frames: Path) -> list[Path]:
    """Return the path of each map's picture.

    Args:
        output: a film, a pattern like ``out/%06d.png``, one picture, or a folder.
        maps: the target maps.
        frames: folder for the pictures of a film.

    Raises:
        UsageError: one picture was named for several maps, or two maps have the same name.
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
    paths = [output / f"{path.stem}.png" for path in maps]
    if len(set(paths)) < len(paths):
        raise UsageError(
            f"some target maps have the same name; give a pattern such as {output / '%06d.png'}"
        )
    return paths


def frames_folder(folder: Path, film: Path) -> Path:
    """Return the folder, inside a training folder, for the pictures of a film.

    Films of one name may be made at once in several places, so each has a folder of its own.
    """
    suffix = hashlib.blake2b(os.fsencode(film), digest_size=4).hexdigest()
    return folder / FRAMES / f"{film.stem}-{suffix}"


def refuse_existing_outputs(output: Path, paths: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse to replace existing outputs.

    Raises:
        OutputExistsError: an output exists, and overwriting was not asked for.
    """
    wanted = [output] if is_film(output) else paths
    there = [path for path in wanted if path.exists()]
    if there and not overwrite:
        raise OutputExistsError(
            f"{there[0]} exists; replace it with --overwrite, or name another output with -o"
        )


def apply_maps(
    model: SemanticModel,
    maps: Sequence[Path],
    paths: Sequence[Path],
    *,
    film: Path | None = None,
    fps: Fraction = DEFAULT_FPS,
    detail: bool = False,
    on_event: OnSemanticEvent = ignore,
    stopped: Callable[[], bool] = lambda: False,
    claims: OutputClaims | None = None,
) -> ApplyResult:
    """Make a picture from each map, and a film of all pictures.

    A bad map does not stop the others; if pictures are missing, no film is made.

    Args:
        model: the trained network.
        maps: target maps.
        paths: path of each map's picture.
        film: path of the film; None: make no film.
        fps: frame rate of the film, frames per second.
        detail: add the picture's own detail (``analogy.semantic.detail``).
        on_event: called with each event.
        stopped: asked before each map, and while the film is encoded.
        claims: the outputs, claimed before the work began.

    Raises:
        OutputExistsError: something else has written an output meanwhile.
        OutputDiskError: the disk is full or may not be written to.
        FilmError: the film could not be encoded, for example because the maps differ in size.
    """
    done: list[Path] = []
    failed: list[tuple[Path, str]] = []
    flicker = Flicker()
    claims = OutputClaims() if claims is None else claims
    detailed = Detail(model) if detail else None
    for map_path, path in zip(maps, paths, strict=True):
        if stopped():
            break
        try:
            classes = model.read(read_labels(map_path, model.palette), name=str(map_path))
        except (InputError, FrameError) as error:
            failed.append((map_path, str(error)))
            continue
        image = model.apply(classes, name=str(map_path))
        if detailed is not None:
            image = detailed.add(image, torch.from_numpy(classes)[None])
        made = np.ascontiguousarray(image[0].permute(1, 2, 0).cpu().numpy())
        claims.check_unchanged(path)
        write_png(path, made)
        flicker.add(classes, made)
        done.append(path)
        on_event(MapDone(len(done), len(maps), path))
    interrupted, encoded = len(done) + len(failed) < len(maps), False
    if film is not None and len(done) == len(maps):
        encoded = bool(unless_stopped(lambda: _encode(done, film, fps, stopped, claims), stopped))
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
    pictures: Sequence[Path],
    film: Path,
    fps: Fraction,
    stopped: Callable[[], bool],
    claims: OutputClaims,
) -> bool:
    """Encode the film; return True once it is written."""

    def check_stop(count: int) -> None:
        if stopped():
            raise StoppedEncodingError

    check_stop(0)
    encode_film(
        pictures,
        film,
        fps=fps,
        encoding=EncodingOptions(),
        on_frame=check_stop,
        place=claims.place,
    )
    return True


class Flicker:
    """Mean change of a film's pictures where its maps do not change."""

    def __init__(self) -> None:
        self._before: tuple[Classes, FloatPixels] | None = None
        self._found: list[float] = []

    def add(self, classes: Classes, made: FloatPixels) -> None:
        """Compare the next picture with the one before, unless its size differs."""
        if self._before is not None and self._before[0].shape == classes.shape:
            same = self._before[0] == classes
            if same.any():
                self._found.append(float(np.abs(made - self._before[1])[same].mean()))
        self._before = classes, made

    @property
    def mean(self) -> float | None:
        """Mean change in [0, 1]; None without two pictures to compare."""
        return sum(self._found) / len(self._found) if self._found else None
