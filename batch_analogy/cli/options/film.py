"""Options of films: storage, choice and order of frames, and coherence between them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from batch_analogy.cli.options.colour import HdrOption, OcioOption, SpaceInOption, SpaceOutOption
from batch_analogy.cli.options.film_additions import (
    ChaptersOption,
    MusicFadeOption,
    MusicOption,
    PosterOption,
    TextFontOption,
    TextOption,
    TextPlaceOption,
    TextSizeOption,
    TimelineOption,
)
from batch_analogy.cli.options.film_panel import film_option, film_value
from batch_analogy.cli.options.general import RunDirOption
from batch_analogy.config.codecs import CODECS, Codec
from batch_analogy.config.film_size import FilmFit
from batch_analogy.config.run import (
    Deflicker,
    Films,
    OnMissing,
    Order,
    Orientation,
    RunConfig,
    Shots,
    Temporal,
)
from batch_analogy.errors import UsageError
from batch_analogy.files import expand_user

CODEC_HELP = "; ".join(f"{name} {codec.summary}" for name, codec in CODECS.items()) + "."
_FIXED_DEPTHS = [f"{c.bits} for {n}" for n, c in CODECS.items() if c.bits == c.deep_bits != 8]
_FRAMES_DEPTHS = [name for name, codec in CODECS.items() if codec.bits != codec.deep_bits]
_DEPTH_HELP = (
    f"Bits per channel of the film, 8 or 10. Default: {', '.join(_FIXED_DEPTHS)}; the frames' own "
    f"for {' and '.join(_FRAMES_DEPTHS)}; else 8. Numbered pictures have 8 bits, or 16 for 10; by "
    "default PNG has the frames' own depth and TIFF 16 bits."
)
HOLD_HELP = (
    "Show every frame for N frames of the film, which slows it down. With --hold or --blend a "
    "video's film has no sound."
)
FILM_SIZE_HELP = (
    "Size of the film: 1920x1080, 50% of the frames' size, full (the frames' own), or max, the "
    "largest that players commonly show with the codec. The frames themselves keep their size."
)
FILM_FIT_HELP = (
    "How frames of another shape fit into --film-size 1920x1080: letterbox with bars beside them, "
    "crop without their borders."
)
Sound = Literal["keep", "first", "none"]
SOUND_HELP = (
    "The sound of a video. keep: every track, and the subtitles. first: the first track that can "
    "be taken, and the subtitles. none: neither. A track that the film's container does not take "
    "is encoded as AAC; one that ffmpeg cannot read is left out, and named while planning."
)
BLEND_HELP = (
    "Average N consecutive frames, in linear light, into each frame of the film: motion blurs as "
    "in a long exposure, and the film is that much shorter. No average crosses a cut. With --hold "
    "N the film keeps its length."
)


def parse_fps(text: str) -> Fraction:
    """Parse a frame rate; the usual roundings of NTSC rates give the exact rate.

    Raises:
        typer.BadParameter: it is not a number.

    >>> parse_fps("23.976"), parse_fps("30000/1001"), parse_fps("25")
    (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 1))
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(
            f"{text!r} is not a frame rate. Write a number like 24 or 23.976, or 30000/1001."
        ) from None
    if "/" in text:
        return rate

    from batch_analogy.media.timing import snap_rate

    return snap_rate(rate)


def parse_output(text: str) -> Path:
    """Parse the path of a film; a folder stands for numbered pictures in it.

    >>> str(parse_output("out/")), str(parse_output("night.mp4"))
    ('out/%06d.png', 'night.mp4')
    """
    from batch_analogy.media.numbered_output import DEFAULT_NAME

    path = Path(text)
    folder = text.endswith("/") or os.path.isdir(expand_user(path))
    return path / DEFAULT_NAME if folder else path


def parse_shots_option(text: str) -> Shots:
    """Parse the option --shots: a word, or a file that lists shots.

    Raises:
        UsageError: the file is missing or is not a list of shots.

    >>> parse_shots_option("off")
    'off'
    """
    words: dict[str, Shots] = {"detect": "detect", "off": "off"}
    if text in words:
        return words[text]
    from batch_analogy.motion.shots.shot_list import parse_shots

    path = expand_user(text)
    try:
        return parse_shots(path.read_text(encoding="utf-8-sig"))
    except UsageError as error:
        raise UsageError(f"--shots {path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise UsageError(
            f"--shots {text}: {reason}; give detect, off, or a file that lists shots"
        ) from error


def sound_fields(sound: Sound | None) -> dict[str, Any]:
    """Return the fields of ``RunConfig`` that --sound sets.

    >>> sound_fields("first")
    {'keep_audio': True, 'sound_tracks': 'first'}
    """
    if sound is None:
        return {}
    tracks = "first" if sound == "first" else "all"
    return {"keep_audio": sound != "none", "sound_tracks": tracks}


def parse_deflicker(text: str) -> Deflicker:
    """Parse the option --deflicker.

    Raises:
        UsageError: it is neither one of the words nor a number.

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


OutputOption = Annotated[
    Path | None,
    film_value(
        "--output",
        "-o",
        help="The film to write (.mp4, .mov, .mkv, .webm, .gif or .webp); or a folder/ or a "
        "pattern like out/%06d.tif for numbered pictures (.png, or .tif with 16 bits). By default "
        "a film named after the frames, in the current folder. With several inputs, {name} stands "
        "for the name of each.",
        parser=parse_output,
        metavar="FILM",
    ),
]
FpsOption = Annotated[
    Fraction | None,
    film_value(
        help="Frames per second, like 24, 23.976 or 30000/1001. By default a video keeps its own "
        "times and stills get 24. With another rate than its own, a video's film has no sound.",
        parser=parse_fps,
        metavar="FPS",
    ),
]
HoldOption = Annotated[int, film_option(help=HOLD_HELP, metavar="N")]
BlendOption = Annotated[int, film_option(help=BLEND_HELP, metavar="N")]
CodecOption = Annotated[
    Codec | None,
    film_value(
        help=f"{CODEC_HELP} By default the first that the film's ending takes, else h264.",
    ),
]
DepthOption = Annotated[
    int | None,
    film_value(help=_DEPTH_HELP, metavar="8|10"),
]
CrfOption = Annotated[
    int,
    film_option(
        help="Compression of h264, h265, vp9, av1 and webp: 0 is lossless, at 16 no loss is "
        "visible, 28 makes small files.",
    ),
]
FilmSizeOption = Annotated[
    str,
    film_option(help=FILM_SIZE_HELP, metavar="WxH|P%|max|full"),
]
FilmFitOption = Annotated[FilmFit, film_option(help=FILM_FIT_HELP)]
StartOption = Annotated[
    str | None,
    film_value(
        help="Start a video here: seconds, 1:02.5, or a timecode like 01:02:03:12, counted from "
        "its first frame.",
        metavar="TIME",
    ),
]
EndOption = Annotated[
    str | None,
    film_value(
        help="Stop a video before this time.",
        metavar="TIME",
    ),
]
OrderOption = Annotated[
    Order,
    film_option(
        help="The order of stills. name: by folder and name, with img2 before img10, a camera's "
        "9999 before the 0001 that follows it, and 'a (1).jpg' after 'a.jpg'. time: by EXIF "
        "capture time, with fractions of a second. auto: by the numbers in the names if all stills "
        "lie in one folder and their names differ in nothing else; otherwise by time if every "
        "readable still has one, else by name. File dates are never used.",
    ),
]
OrientationOption = Annotated[
    Orientation,
    film_option(
        help="How stills are turned. tags: each by its own orientation tag. first: all like the "
        "first, for a camera that changed its mind on a tripod. stored: not at all.",
    ),
]
SoundOption = Annotated[
    Sound | None,
    film_value(
        help=f"{SOUND_HELP} By default a timelapse has none, other films keep all.",
    ),
]
OnMissingOption = Annotated[
    OnMissing,
    film_option(
        help="What the film shows where a frame could not be made, and where the numbers of stills "
        "have a gap. hold: the frame before it. skip: nothing, so the film is shorter. error: make "
        "no film, and refuse stills with gaps. The exit code is 3 where a frame could not be made. "
        "Gaps of more than 24 frames are not held; nor is any gap if more than a tenth of the "
        "frames (and more than 3) are missing, because that looks deliberate.",
    ),
]
ShotsOption = Annotated[
    str,
    film_option(
        help="Where the cuts are. detect: find them, except slow dissolves. off: there are none. "
        "FILE: a list of the shots' first frames or ranges, one per line, as JSON, or as written "
        "by PySceneDetect. plan.json lists what was found, and may be edited.",
        metavar="detect|off|FILE",
    ),
]
TemporalOption = Annotated[
    Temporal,
    film_option(
        help="on: frames are made along the motion between them, so that the film is steady. off: "
        "every frame is made by itself, and the film flickers; --refine wls, --scales and --mirror "
        "imply off.",
    ),
]
FilmsOption = Annotated[
    Films,
    film_option(
        help="What several paths are. one: one film. each: a film of each path, one after the "
        "other. auto: pictures are one film, and so are videos in one folder whose names differ in "
        "numbers alone; each folder, pattern and other video is a film of its own.",
    ),
]
MediaOption = Annotated[
    Path | None,
    film_value(
        help="The folder of the videos that a timeline (.otio or .edl) names. By default they are "
        "looked for where it says, and beside it.",
        metavar="FOLDER",
    ),
]
DeflickerOption = Annotated[
    str | None,
    film_value(
        help="Even out exposures that jump from frame to frame; slow changes such as a sunset "
        "stay. auto: only where flicker is found. 0 to 1: the share of the jumps that is removed. "
        "Default: auto for a timelapse of stills, off for videos and for stylize.",
        metavar="off|auto|STRENGTH",
    ),
]


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """The film's properties, and the places of the film and its run folder."""

    output: OutputOption = None
    run_dir: RunDirOption = None
    fps: FpsOption = None
    hold: HoldOption = RunConfig.hold
    blend: BlendOption = RunConfig.blend
    codec: CodecOption = None  # None: by the output's suffix
    depth: DepthOption = None
    crf: CrfOption = RunConfig.crf
    film_size: FilmSizeOption = RunConfig.film_size
    film_fit: FilmFitOption = RunConfig.film_fit
    start: StartOption = None
    end: EndOption = None
    films: FilmsOption = "auto"
    media: MediaOption = None
    sound: SoundOption = None  # None: decided by command
    music: MusicOption = None
    music_fade: MusicFadeOption = RunConfig.music_fade
    chapters: ChaptersOption = RunConfig.chapters
    poster: PosterOption = RunConfig.poster
    timeline: TimelineOption = None
    text: TextOption = RunConfig.text
    text_place: TextPlaceOption = RunConfig.text_place
    text_size: TextSizeOption = RunConfig.text_size
    text_font: TextFontOption = None
    order: OrderOption = RunConfig.order
    orientation: OrientationOption = RunConfig.orientation
    on_missing: OnMissingOption = RunConfig.on_missing
    shots: ShotsOption = "detect"
    temporal: TemporalOption = RunConfig.temporal
    deflicker: DeflickerOption = None  # None: decided by command and source
    hdr: HdrOption = RunConfig.hdr
    ocio: OcioOption = None
    colour_space_in: SpaceInOption = None
    colour_space_out: SpaceOutOption = None

    def config_fields(self) -> dict[str, Any]:
        """Return the film's fields of ``RunConfig``, without the paths."""
        same = ("fps", "hold", "blend", "depth", "crf", "start", "end", "order")
        more = ("film_size", "film_fit", "on_missing", "temporal", "orientation")
        added = ("music", "music_fade", "timeline", "text", "text_place", "text_size", "text_font")
        colours = ("hdr", "ocio", "colour_space_in", "colour_space_out")
        fields = {name: getattr(self, name) for name in (*same, *more, *added, *colours)}
        fields["shots"] = parse_shots_option(self.shots)
        fields |= sound_fields(self.sound)
        if self.media is not None:
            fields["media_dir"] = expand_user(self.media).absolute()
        if self.codec is not None:
            fields["codec"] = self.codec
        if self.deflicker is not None:
            fields["deflicker"] = parse_deflicker(self.deflicker)
        fields |= {"chapters": self.chapters, "poster": self.poster}
        return fields
