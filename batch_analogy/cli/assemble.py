"""The command ``assemble``: a film of the finished frames of a run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options import film, general
from batch_analogy.cli.options import film_additions as additions
from batch_analogy.cli.outcome import execute, report
from batch_analogy.cli.run_watcher import RunWatcher
from batch_analogy.config.captions import TextPlace
from batch_analogy.config.codecs import Codec
from batch_analogy.config.film_size import FilmFit
from batch_analogy.config.run import OnMissing

EPILOG = """Examples:

batch-analogy assemble night.run --fps 12

batch-analogy assemble night.run --blend 4 -o smeared.mp4

batch-analogy assemble night.run -o small.mp4 --film-size 1920x1080 --crf 28

batch-analogy assemble night.run -o edit.mov --codec prores

batch-analogy assemble night.run -o small.gif --film-size 25%

batch-analogy assemble night.run --timeline night.otio

batch-analogy assemble night.run --music song.mp3

batch-analogy assemble night.run --text '{date:%H:%M}' --text-place top-right

batch-analogy assemble night.run -o pictures/%06d.tif"""


def _change(what: str, **settings: Any) -> Any:
    """Return an option that changes something of the film, which else stays as it is."""
    text = f"{what} By default it stays as it is."
    return typer.Option(help=text, show_default=False, **settings)


OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Another film, or a folder/ or pattern for pictures; the run's own film stays. By "
        "default the run's own film is made again, and the run keeps the changed options.",
        parser=film.parse_output,
        metavar="FILM",
        show_default=False,
    ),
]
FpsOption = Annotated[
    Fraction | None, _change("Frames per second.", parser=film.parse_fps, metavar="FPS")
]
HoldOption = Annotated[int | None, _change(film.HOLD_HELP, metavar="N")]
BlendOption = Annotated[int | None, _change(film.BLEND_HELP, metavar="N")]
CodecOption = Annotated[Codec | None, _change(film.CODEC_HELP)]
DepthOption = Annotated[int | None, _change("Bits per channel, 8 or 10.", metavar="8|10")]
CrfOption = Annotated[int | None, _change("Compression: 0 is lossless, 28 makes small files.")]
FilmSizeOption = Annotated[str | None, _change(film.FILM_SIZE_HELP, metavar="WxH|P%|max|full")]
FilmFitOption = Annotated[FilmFit | None, _change(film.FILM_FIT_HELP)]
OnMissingOption = Annotated[
    OnMissing | None, _change("What the film shows where frames are missing; see plan --help.")
]
SoundOption = Annotated[film.Sound | None, _change(film.SOUND_HELP)]
MusicOption = Annotated[
    Path | None, _change(f"{additions.MUSIC_HELP} none: no music.", metavar="FILE|none")
]
MusicFadeOption = Annotated[float | None, _change(additions.MUSIC_FADE_HELP, metavar="SECONDS")]
ChaptersOption = Annotated[bool | None, _change(additions.CHAPTERS_HELP)]
PosterOption = Annotated[
    str | None, _change(f"{additions.POSTER_HELP} '': no poster.", metavar="N|P%")
]
TimelineOption = Annotated[
    Path | None, _change(f"{additions.TIMELINE_HELP} none: no timeline.", metavar="FILE|none")
]
TextOption = Annotated[str | None, _change(f"{additions.TEXT_HELP} '': no text.", metavar="TEXT")]
TextPlaceOption = Annotated[TextPlace | None, _change(additions.TEXT_PLACE_HELP)]
TextSizeOption = Annotated[float | None, _change(additions.TEXT_SIZE_HELP, metavar="P")]
TextFontOption = Annotated[Path | None, _change(additions.TEXT_FONT_HELP, metavar="FILE")]
NoAudioOption = Annotated[bool, typer.Option("--no-audio", help="The same as --sound none.")]


@reports_failures
def assemble(
    run_dir: general.RunFolder,
    output: OutputOption = None,
    fps: FpsOption = None,
    hold: HoldOption = None,
    blend: BlendOption = None,
    codec: CodecOption = None,
    depth: DepthOption = None,
    crf: CrfOption = None,
    film_size: FilmSizeOption = None,
    film_fit: FilmFitOption = None,
    on_missing: OnMissingOption = None,
    sound: SoundOption = None,
    no_audio: NoAudioOption = False,
    music: MusicOption = None,
    music_fade: MusicFadeOption = None,
    chapters: ChaptersOption = None,
    poster: PosterOption = None,
    timeline: TimelineOption = None,
    text: TextOption = None,
    text_place: TextPlaceOption = None,
    text_size: TextSizeOption = None,
    text_font: TextFontOption = None,
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Make the film again from the finished frames, without making new frames.

    The input is no longer needed: the sound of a deleted video comes from the copy in the run
    folder. The exit code is 3 if frames are missing.
    """
    from batch_analogy import api

    console = Console(json_lines)
    given: dict[str, Any] = {"fps": fps, "hold": hold, "blend": blend, "codec": codec}
    given |= {"depth": depth, "crf": crf, "on_missing": on_missing}
    given |= {"film_size": film_size, "film_fit": film_fit}
    given |= {"music": music, "music_fade": music_fade, "text": text}
    given |= {"chapters": chapters, "poster": poster, "timeline": timeline}
    given |= {"text_place": text_place, "text_size": text_size, "text_font": text_font}
    given |= film.sound_fields("none" if no_audio else sound)
    changes = {name: value for name, value in given.items() if value is not None}
    changes |= {name: None for name in ("music", "timeline") if given[name] == Path("none")}
    with RunWatcher(console) as watcher:
        run = api.load_finished(
            general.absolute(run_dir),
            overwrite=overwrite,
            output=None if output is None else general.absolute(output),
            **changes,
        )
        result = execute(run, console, watcher)
    return report(console, run, result, watcher)
