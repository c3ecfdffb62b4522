"""Options of what is added to a film: music, chapters, a poster and text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_analogy.config.captions import TextPlace

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

CHAPTERS_HELP = "Give the film a chapter for each shot, to which players can jump."
ChaptersOption = Annotated[
    bool, typer.Option("--chapters/--no-chapters", help=CHAPTERS_HELP, rich_help_panel=_FILM)
]

POSTER_HELP = (
    "Write one frame of the film beside it, as film-poster.jpg, for web pages: the number of a "
    "frame, the first being 0, or a place like 50%."
)
PosterOption = Annotated[
    str,
    typer.Option(help=POSTER_HELP, metavar="N|P%", show_default=False, rich_help_panel=_FILM),
]

TIMELINE_HELP = (
    "Write a timeline for editing programs beside the film: its shots as clips, and markers where "
    "frames are missing or should be painted. FILE.otio is OpenTimelineIO, FILE.edl CMX 3600. "
    "Needs batch-analogy[otio]."
)
TimelineOption = Annotated[
    Path | None,
    typer.Option(help=TIMELINE_HELP, metavar="FILE", show_default=False, rich_help_panel=_FILM),
]

TEXT_HELP = (
    "Text that is burnt into the film: {date} is the EXIF date of each frame, or {date:%H:%M} any "
    "part of it, {frame} its number, {name} its file. \\n begins a new line."
)
TEXT_PLACE_HELP = "Where the text stands."
TEXT_SIZE_HELP = "Height of the text's letters, in percent of the film's height."
TEXT_FONT_HELP = (
    "A .ttf or .otf file for the text. By default a plain font that comes with the program, or one "
    "of the system's if that lacks letters."
)

TextOption = Annotated[
    str,
    typer.Option(help=TEXT_HELP, metavar="TEXT", show_default=False, rich_help_panel=_FILM),
]
TextPlaceOption = Annotated[TextPlace, typer.Option(help=TEXT_PLACE_HELP, rich_help_panel=_FILM)]
TextSizeOption = Annotated[
    float, typer.Option(help=TEXT_SIZE_HELP, metavar="P", rich_help_panel=_FILM)
]
TextFontOption = Annotated[
    Path | None,
    typer.Option(help=TEXT_FONT_HELP, metavar="FILE", show_default=False, rich_help_panel=_FILM),
]
