"""Options of what is added to a film: music, chapters, a poster and text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from batch_analogy.cli.options.film_panel import film_option, film_value
from batch_analogy.config.captions import TextPlace

MUSIC_HELP = (
    "A file with sound, such as song.mp3, that lies under the film instead of a video's own sound. "
    "It is cut to the film's length."
)
MUSIC_FADE_HELP = "Seconds over which music that is cut fades out at the end; 0: it is cut at once."

MusicOption = Annotated[
    Path | None,
    film_value(help=MUSIC_HELP, metavar="FILE"),
]
MusicFadeOption = Annotated[float, film_option(help=MUSIC_FADE_HELP, metavar="SECONDS")]

CHAPTERS_HELP = "Give the film a chapter for each shot, to which players can jump."
ChaptersOption = Annotated[bool, film_option("--chapters/--no-chapters", help=CHAPTERS_HELP)]

POSTER_HELP = (
    "Write one frame of the film beside it, as film-poster.jpg, for web pages: the number of a "
    "frame, the first being 0, or a place like 50%."
)
PosterOption = Annotated[
    str,
    film_value(help=POSTER_HELP, metavar="N|P%"),
]

TIMELINE_HELP = (
    "Write a timeline for editing programs beside the film: its shots as clips, and markers where "
    "frames are missing or should be painted. FILE.otio is OpenTimelineIO, FILE.edl CMX 3600. "
    "Needs batch-analogy[otio]."
)
TimelineOption = Annotated[
    Path | None,
    film_value(help=TIMELINE_HELP, metavar="FILE"),
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
    film_value(help=TEXT_HELP, metavar="TEXT"),
]
TextPlaceOption = Annotated[TextPlace, film_option(help=TEXT_PLACE_HELP)]
TextSizeOption = Annotated[float, film_option(help=TEXT_SIZE_HELP, metavar="P")]
TextFontOption = Annotated[
    Path | None,
    film_value(help=TEXT_FONT_HELP, metavar="FILE"),
]
