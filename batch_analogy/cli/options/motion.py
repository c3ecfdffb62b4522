"""Options of what is found out about the frames together: shots, and exposures to even out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_analogy.config.run import Deflicker, Shots, Temporal
from batch_analogy.errors import UsageError

FILM = "Film"

ShotsOption = Annotated[
    str,
    typer.Option(
        help="Where the cuts are. detect looks for them; slow dissolves are not found. off: there "
        "are none. FILE: a list of the shots' first frames or ranges, one a line, as JSON, or as "
        "PySceneDetect writes it. What was found is in plan.json and may be edited there.",
        metavar="detect|off|FILE",
        rich_help_panel=FILM,
    ),
]
TemporalOption = Annotated[
    Temporal,
    typer.Option(
        help="on: frames go on from each other along their motion, so that the film is steady. "
        "off: every frame is made by itself, as pictures are, and the film flickers; so it is with "
        "--refine wls, --scales and --mirror too.",
        rich_help_panel=FILM,
    ),
]
DeflickerOption = Annotated[
    str | None,
    typer.Option(
        help="Even out exposures that jump from frame to frame; slow changes like a sunset stay. "
        "auto does so where flicker is seen and else changes no pixel; 0 to 1 is how much of it "
        "is taken out. By default auto for a timelapse of pictures, off for videos and stylize.",
        metavar="off|auto|STRENGTH",
        show_default=False,
        rich_help_panel=FILM,
    ),
]


def parse_shots_option(text: str) -> Shots:
    """How shots are found.

    Raises:
        UsageError: the file is missing or holds no list of shots.

    >>> parse_shots_option("off")
    'off'
    """
    words: dict[str, Shots] = {"detect": "detect", "off": "off"}
    if text in words:
        return words[text]
    from batch_analogy.motion.shots.shot_list import parse_shots

    path = Path(text).expanduser()
    try:
        return parse_shots(path.read_text(encoding="utf-8-sig"))
    except UsageError as error:
        raise UsageError(f"--shots {path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(
            f"--shots {text}: {reason}; give detect, off, or a file that lists shots"
        ) from error


def parse_deflicker(text: str) -> Deflicker:
    """Whether exposures are evened out.

    Raises:
        UsageError: it is none of the words and no number.

    >>> parse_deflicker("auto"), parse_deflicker("0.5")
    ('auto', 0.5)
    """
    words: dict[str, Deflicker] = {"off": "off", "auto": "auto"}
    if text in words:
        return words[text]
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"--deflicker is {text!r}; it must be off, auto or a number from 0 to 1"
        ) from None


def default_deflicker(command: str, source: str, target: str) -> Deflicker:
    """What is done where it was not said: cameras' time-lapses flicker, films seldom do.

    Frames whose looks are wanted (``--target reference``) keep them.
    """
    from batch_analogy.media.sequence import is_video

    lapse = command == "timelapse" and target == "frames" and not is_video(Path(source))
    return "auto" if lapse else "off"
