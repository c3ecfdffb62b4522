"""Options of what is added to a film: music."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FILM = "Film"

MUSIC_HELP = (
    "A file with sound, such as song.mp3, that lies under the film instead of a video's own sound. "
    "It is cut to the film's length."
)
MUSIC_FADE_HELP = "Seconds over which music that is cut fades out at the end; 0: it is cut at once."

MusicOption = Annotated[
    Path | None,
    typer.Option(help=MUSIC_HELP, metavar="FILE", show_default=False, rich_help_panel=_FILM),
]
MusicFadeOption = Annotated[
    float, typer.Option(help=MUSIC_FADE_HELP, metavar="SECONDS", rich_help_panel=_FILM)
]
