"""Random inputs of the command line, the same for each seed, and what may become of them."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from batch_analogy.errors import BatchAnalogyError
from batch_analogy.media.stills import read_size, read_still
from tests.support.command_line import QUICK, write_picture
from tests.support.random_inputs.damage import damage, edit_json
from tests.support.random_inputs.names import random_name
from tests.support.random_inputs.pictures import (
    HEIGHT,
    WIDTH,
    draw,
    encoded,
    save_odd_mode,
    save_odd_tags,
)
from tests.support.random_inputs.videos import make_odd_video

Clips = Mapping[str, Path]
PLAIN = (*QUICK, "--refine", "none")
"""Options of the quickest runs."""

_SUFFIXES = (".png", ".jpg", ".tif", ".webp", ".bmp", ".gif", ".jp2")


@dataclass
class Case:
    """A command on a random input.

    ``codes`` are the exit codes that are right. ``frames`` is how many frames have to be finished,
    if that is known.
    """

    what: str
    command: list[str | Path]
    codes: tuple[int, ...] = (0,)
    frames: int | None = None
    film: Path | None = None
    run_dir: Path | None = None
    repair: Callable[[], None] | None = None
    before: list[str | Path] | None = None  # a command that has to succeed first
    between: Callable[[], str] | None = None  # what happens then; returns what it was
    lost: list[Path] = field(default_factory=list)  # finished frames that ``between`` has damaged


def make_case(seed: int, folder: Path, clips: Clips) -> Case:
    """Return the case of a seed; its files are written into the folder."""
    rng = random.Random(seed)
    makers = tuple(KINDS.values())
    return makers[seed % len(makers)](rng, folder, clips)


def _film(
    folder: Path, source: Path, name: str = "film.mp4", *, reference: Path | None = None
) -> Case:
    reference = reference or write_picture(folder / "in" / "reference.png", 40, 36, 44)
    film = folder / name
    command = ["timelapse", reference, source, "-o", film, "--address", "none"]
    command += ["--temporal", "off", *PLAIN]
    return Case("", command, film=film, run_dir=film.with_suffix(".run"))


def _cut_container(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """A clip that is damaged at a random place."""
    name = rng.choice(sorted(clips))
    source = folder / name
    shutil.copy(clips[name], source)
    way = damage(rng, source)
    case = _film(folder, source)
    case.what, case.codes = f"{name}: {way}", (0, 1)
    return case


def _odd_video(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """A video of odd size, rate, pixels, tags and sound."""
    source = make_odd_video(rng, folder)
    case = _film(folder, source, f"film{rng.choice(('.mp4', '.mov', '.mkv'))}")
    case.what = source.name
    case.command += ["--codec", rng.choice(("h264", "h264", "h265"))]
    return case


def _damaged_stills(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """Three stills, some of them damaged, which are repaired later."""
    suffix = rng.choice(_SUFFIXES)
    frames = folder / "frames"
    frames.mkdir()
    paths = [frames / f"img{index}{suffix}" for index in range(3)]
    whole = {path: encoded(index, suffix) for index, path in enumerate(paths)}
    for path, data in whole.items():
        path.write_bytes(data)
    ways = [damage(rng, path) for path in rng.sample(paths, rng.randint(1, 2))]
    case = _film(folder, frames)
    case.what = f"{suffix}: {', '.join(ways)}"
    usable = _usable(paths)
    case.frames = len(usable)
    case.codes = (0,) if case.frames == 3 else (3,) if usable else (1,)

    def repair() -> None:
        for path in set(paths) - set(usable):
            path.write_bytes(whole[path])

    if set(map(read_size, usable)) <= {(HEIGHT, WIDTH)}:  # the whole ones have the size of the rest
        case.repair = repair
    return case


def _odd_modes(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """Stills of different modes and formats in one folder."""
    frames = folder / "frames"
    frames.mkdir()
    paths = [save_odd_mode(rng, frames, index) for index in range(2)]
    case = _film(folder, frames, rng.choice(("film.mp4", "out/%03d.png", "out/%03d.tif")))
    case.what, case.frames = ", ".join(path.name for path in paths), 2
    if "%" in str(case.film):
        case.run_dir, case.film = None, None
    return case


def _odd_tags(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """Intact stills with odd or damaged tags."""
    frames = folder / "frames"
    frames.mkdir()
    paths = [save_odd_tags(rng, frames, index) for index in range(2)]
    case = _film(folder, frames)
    case.what, case.frames = ", ".join(path.name for path in paths), 2
    return case


def _odd_names(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """Names of frames, folders, reference and film that are odd but legal."""
    frames = folder / random_name(rng)
    frames.mkdir()
    for index in range(2):
        draw(index, "RGB").save(frames / "new.png")
        (frames / "new.png").rename(frames / random_name(rng, f"{index}.png"))
    reference = folder / "in" / "new.png"
    write_picture(reference, 40, 36, 44)
    named = reference.with_name(random_name(rng, ".png"))
    reference.rename(named)
    case = _film(folder, frames, random_name(rng, ".mp4"), reference=named)
    case.what, case.frames = "names", 2
    case.run_dir = None
    return case


def _odd_pair(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """Two pictures of which one may be damaged."""
    (folder / "in").mkdir()
    a = save_odd_mode(rng, folder / "in", 0)
    b = save_odd_tags(rng, folder / "in", 1)
    way = damage(rng, rng.choice((a, b))) if rng.random() < 0.5 else "whole"
    good = _usable([a]) and _usable([b])
    command = ["pair", a, b, "-o", folder / "out", "--format", rng.choice(("png", "tiff"))]
    command += PLAIN
    return Case(f"{a.name}, {b.name}: {way}", command, (0,) if good else (1,))


def _odd_painting(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """Frames with a painted key and a mask, of odd modes and tags, one of which may be damaged."""
    frames = folder / "frames"
    frames.mkdir()
    (folder / "in").mkdir()
    for index in range(2):
        draw(index, "RGB").save(frames / f"img{index}.png")
    key = rng.choice((save_odd_mode, save_odd_tags))(rng, folder / "in", 0)
    mask = save_odd_mode(rng, folder / "in", 1)
    way = damage(rng, rng.choice((key, mask))) if rng.random() < 0.4 else "whole"
    film = folder / "film.mp4"
    command = ["analogy", frames, "--key", f"0={key}", "-o", film, "--address", "none", *QUICK[2:]]
    if rng.random() < 0.5:
        command += ["--mask", mask]
    case = Case(f"{key.name}, {mask.name}: {way}", command, film=film)
    case.run_dir, case.codes = film.with_suffix(".run"), (0, 1, 2) if way != "whole" else (0,)
    return case


def _damaged_run(rng: random.Random, folder: Path, clips: Clips) -> Case:
    """A run whose own folder is damaged after it has ended."""
    frames = folder / "frames"
    frames.mkdir()
    for index in range(2):
        draw(index, "RGB").save(frames / f"img{index}.png")
    case = _film(folder, frames)
    assert case.run_dir is not None
    later: list[list[str | Path]] = [
        *(list(case.command), list(case.command), ["resume", case.run_dir]),
        *(["status", case.run_dir], ["evaluate", case.run_dir]),
        ["retry", case.run_dir, "--failed"],
        ["assemble", case.run_dir, "-o", folder / "again.mkv", "--codec", "ffv1"],
    ]
    case.before, case.codes = list(case.command), (0, 1, 2, 3)
    case.command = rng.choice(later)

    def between() -> str:
        assert case.run_dir is not None
        files = sorted(p for p in case.run_dir.rglob("*") if p.is_file() and p.stat().st_size)
        texts = [path for path in files if path.suffix in (".json", ".jsonl")]
        path = rng.choice(texts if rng.random() < 0.6 else files)
        case.lost.append(path)
        edits = path.suffix in (".json", ".jsonl") and rng.random() < 0.7
        return f"{path.relative_to(case.run_dir)}: {(edit_json if edits else damage)(rng, path)}"

    case.between = between
    return case


KINDS: dict[str, Callable[[random.Random, Path, Clips], Case]] = {
    "container": _cut_container,
    "video": _odd_video,
    "stills": _damaged_stills,
    "modes": _odd_modes,
    "tags": _odd_tags,
    "names": _odd_names,
    "pair": _odd_pair,
    "painting": _odd_painting,
    "run": _damaged_run,
}
"""Kinds of cases; a seed has the kind of its remainder."""


def _usable(paths: list[Path]) -> list[Path]:
    """Return the pictures that can be read and have the size that prevails, if one does."""
    sizes: Counter[tuple[int, int]] = Counter()
    readable = []
    for path in paths:
        try:
            size = read_size(path)
        except BatchAnalogyError:
            continue
        sizes[size] += 1
        try:
            pixels = read_still(path)
        except BatchAnalogyError:
            continue
        assert pixels.shape == (*size, 3)
        assert np.isfinite(pixels).all()
        readable.append((path, size))
    if not sizes:
        return []
    usual, count = sizes.most_common(1)[0]
    return [path for path, size in readable if size == usual and 2 * count > sizes.total()]
