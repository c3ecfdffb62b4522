"""Options of the colours of films."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_analogy.config.run import Hdr

_FILM = "Film"

OcioOption = Annotated[
    str | None,
    typer.Option(
        help="The OpenColorIO configuration for --colour-space-in and --colour-space-out: a file, "
        "or a built-in one like ocio://default. By default that of OCIO in the environment.",
        metavar="CONFIG",
        show_default=False,
        rich_help_panel=_FILM,
    ),
]
SpaceInOption = Annotated[
    str | None,
    typer.Option(
        help="The colour space of the frames, and of references in EXR, like ACEScg. By default "
        "pictures say themselves what they are.",
        metavar="NAME",
        show_default=False,
        rich_help_panel=_FILM,
    ),
]
SpaceOutOption = Annotated[
    str | None,
    typer.Option(
        help="The colour space of numbered pictures. By default sRGB, or its light in EXR.",
        metavar="NAME",
        show_default=False,
        rich_help_panel=_FILM,
    ),
]
HdrOption = Annotated[
    Hdr,
    typer.Option(
        help="What becomes of an HDR video (PQ or HLG). keep: with photo-to-photo, the film is HDR "
        "too, as h265 unless --codec says otherwise. bt709: it is turned into BT.709, as other "
        "presets do.",
        rich_help_panel=_FILM,
    ),
]
