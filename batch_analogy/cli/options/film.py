"""Options of films: how they are stored, and which part of a video they show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_analogy.config.codecs import CODECS, Codec
from batch_analogy.config.run import Order

FILM = "Film"

_CODEC_HELP = "; ".join(f"{name} {codec.summary}" for name, codec in CODECS.items()) + "."
_FIXED_DEPTHS = [f"{c.bits} for {n}" for n, c in CODECS.items() if c.bits == c.deep_bits != 8]
_FRAMES_DEPTHS = [name for name, codec in CODECS.items() if codec.bits != codec.deep_bits]
_DEPTH_HELP = (
    f"Bits a channel of the film, 8 or 10. By default {', '.join(_FIXED_DEPTHS)}; the frames' own "
    f"for {' and '.join(_FRAMES_DEPTHS)}; else 8. Of numbered pictures: 8, or 16 for anything more."
)


def parse_output(text: str) -> Path:
    """A film's path; a folder stands for numbered pictures in it.

    >>> str(parse_output("out/")), str(parse_output("night.mp4"))
    ('out/%06d.png', 'night.mp4')
    """
    from batch_analogy.media.numbered_output import DEFAULT_NAME

    path = Path(text)
    folder = text.endswith("/") or path.expanduser().is_dir()
    return path / DEFAULT_NAME if folder else path


_HOLD_HELP = (
    "Show every frame for N frames of the film: a slower film of the same frames. With this, or "
    "--blend, a video's film has no sound."
)
_BLEND_HELP = (
    "Make each frame of the film of N frames in a row, by the mean of their light: what moves is "
    "smeared as a long exposure does it, and the film is that much shorter. No frame is made of "
    "two shots. With --hold N the film keeps its length."
)

HoldOption = Annotated[int, typer.Option(help=_HOLD_HELP, metavar="N", rich_help_panel=FILM)]
BlendOption = Annotated[int, typer.Option(help=_BLEND_HELP, metavar="N", rich_help_panel=FILM)]
OtherHoldOption = Annotated[
    int | None,
    typer.Option(help=f"{_HOLD_HELP} As before unless given.", metavar="N", show_default=False),
]
OtherBlendOption = Annotated[
    int | None,
    typer.Option(help=f"{_BLEND_HELP} As before unless given.", metavar="N", show_default=False),
]
CodecOption = Annotated[Codec, typer.Option(help=_CODEC_HELP, rich_help_panel=FILM)]
DepthOption = Annotated[
    int | None,
    typer.Option(help=_DEPTH_HELP, metavar="8|10", show_default=False, rich_help_panel=FILM),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        help="Begin a video here: seconds, 1:02.5, or a timecode like 01:02:03:12, all counted "
        "from its first frame.",
        metavar="TIME",
        show_default=False,
        rich_help_panel=FILM,
    ),
]
EndOption = Annotated[
    str | None,
    typer.Option(
        help="End a video before this time.",
        metavar="TIME",
        show_default=False,
        rich_help_panel=FILM,
    ),
]
OrderOption = Annotated[
    Order,
    typer.Option(
        help="In which order stills follow each other. name: by folders and names, img2 before "
        "img10, a camera's 9999 before its next 0001, 'a (1).jpg' after 'a.jpg'. time: by EXIF "
        "capture time with sub-seconds. auto: by the numbers in the names where all lie in one "
        "folder and differ in nothing else; elsewhere by time if all readable ones tell it, and "
        "by name if not. File dates never count.",
        rich_help_panel=FILM,
    ),
]
OtherCodecOption = Annotated[
    Codec | None,
    typer.Option(help=f"{_CODEC_HELP} As before unless given.", show_default=False),
]
OtherDepthOption = Annotated[
    int | None,
    typer.Option(
        help="Bits a channel, 8 or 10; as before unless given.", metavar="8|10", show_default=False
    ),
]
