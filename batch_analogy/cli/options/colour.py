"""Options of the colours of films."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_analogy.config.run import Hdr

_FILM = "Film"

HdrOption = Annotated[
    Hdr,
    typer.Option(
        help="What becomes of an HDR video (PQ or HLG). keep: with photo-to-photo, the film is HDR "
        "too, as h265 unless --codec says otherwise. bt709: it is turned into BT.709, as other "
        "presets do.",
        rich_help_panel=_FILM,
    ),
]
