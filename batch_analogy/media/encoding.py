"""Encoding options of a film, and the sound and subtitles that its container takes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.config.codecs import CODECS, Codec, CodecSpec
from batch_analogy.config.film_size import FULL, FilmFit, FilmSize, parse_film_size
from batch_analogy.config.run import SoundTracks
from batch_analogy.errors import MachineError, UsageError
from batch_analogy.media.colour_tags import ColourSpace, encode_filter, to_srgb_filter
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.joined_video import as_input
from batch_analogy.media.numbered_output import has_number
from batch_analogy.media.sound import TrackChoice, choose_tracks, seek
from batch_analogy.media.video import VideoInfo

_TEXTS = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "text", "mov_text"})
_PICTURES = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"})

MATROSKA = (".mkv", ".webm")
"""Suffixes of containers of the family of Matroska."""

_SMOOTH_ALPHA = [name for name, spec in CODECS.items() if spec.alpha and spec.alpha.smooth]
KEEP_ALPHA = (
    f"--codec {' or '.join(_SMOOTH_ALPHA)}, or numbered pictures (-o out/%06d.png), keep the "
    "transparency"
)
"""Advice where a film loses its transparency."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncodingOptions:
    """Codec, depth and quality of a film."""

    codec: Codec = "h264"
    depth: int | None = None  # bits a channel, 8 or 10; None: what suits the codec and the frames
    crf: int = 16  # of H.264 and H.265: 0 (lossless) to 51
    size: str = FULL  # as for ``parse_film_size``
    fit: FilmFit = "letterbox"

    @property
    def film_size(self) -> FilmSize:
        """The wanted size."""
        return parse_film_size(self.size)

    @property
    def spec(self) -> CodecSpec:
        """The codec's record."""
        return CODECS[self.codec]

    def bits(self, deep: bool, alpha: bool = False) -> int:
        """Return the film's bits a channel.

        Args:
            deep: True if the frames have more than 8 bits a channel.
            alpha: True if frames are transparent and the codec has an ``alpha``.
        """
        if alpha and self.spec.alpha is not None:
            return min(self.bits(deep), max(self.spec.alpha.pixel_formats))
        if self.depth is not None and self.depth in self.spec.pixel_formats:
            return self.depth
        return self.spec.deep_bits if deep else self.spec.bits

    def pixel_format(self, deep: bool, alpha: bool = False) -> str:
        """Return ffmpeg's name for the film's pixels.

        Args:
            deep: as for ``bits``.
            alpha: True if frames are transparent and the codec has an ``alpha``.
        """
        spec = self.spec.alpha if alpha and self.spec.alpha is not None else self.spec
        return spec.pixel_formats[self.bits(deep, alpha)]

    def filters(self, colours: ColourSpace, deep: bool, alpha: bool = False) -> str:
        """Return the filters that turn full-range RGB into the encoder's pixels, and tag them."""
        spec = self.spec
        own = spec.alpha.filters if alpha and spec.alpha is not None else spec.filters
        first = to_srgb_filter(colours) if spec.animation else ""
        made = [first, encode_filter(colours, self.pixel_format(deep, alpha)), own]
        return ",".join(one for one in made if one)

    def options(self, suffix: str, alpha: bool = False) -> list[str]:
        """Return ffmpeg's encoder options for a film with this suffix (lower case)."""
        further = self.spec.alpha.options if alpha and self.spec.alpha is not None else ()
        return [*self.spec.encoder_options(self.crf, suffix), *further]


def check_encoder(codec: Codec) -> None:
    """Check, before any work is done, that this machine's ffmpeg has the codec's encoder.

    Raises:
        MachineError: ffmpeg was built without it.
    """
    spec = CODECS[codec]
    if "is not recognized" in run_ffmpeg(["-h", f"encoder={spec.encoder}"]).messages:
        raise MachineError(
            f"this machine's ffmpeg cannot encode {spec.title} (it has no {spec.encoder}); choose "
            "another --codec, or name another ffmpeg in IMAGEIO_FFMPEG_EXE"
        )


def check_container(output: Path, codec: Codec) -> None:
    """Check that a film's suffix is that of a container that takes the codec.

    Raises:
        UsageError: the container does not take the codec.
    """
    spec = CODECS[codec]
    suffix = output.suffix.lower()
    if spec.animation and has_number(output):
        raise UsageError(
            f"output {output} has a number like those of pictures, but {spec.title} holds all "
            "frames in one file; name it without, or write numbered .png or .tif"
        )
    if suffix in spec.suffixes:
        return
    known = any(suffix in other.suffixes for other in CODECS.values())
    purpose = f" to hold {spec.title}" if known or codec != "h264" else ""
    suffixes = spec.suffixes if purpose else tuple(dict.fromkeys(_all_suffixes()))
    raise UsageError(f"output {output} must end in one of {', '.join(suffixes)}{purpose}")


def _all_suffixes() -> Iterator[str]:
    for spec in CODECS.values():
        yield from spec.suffixes


@dataclass(frozen=True)
class Soundtrack:
    """Sound and subtitles of a video that go into a film."""

    video: VideoInfo
    begin: Fraction  # of the film, in seconds after the start of the video file
    tracks: SoundTracks = "all"

    def choices(self, suffix: str) -> list[TrackChoice]:
        """Choose how each sound track goes into a film with this suffix (lower case)."""
        video = self.video
        files = [part.path for part in video.parts or (video,)]
        return choose_tracks(files, video.sounds, suffix, begin=self.begin, tracks=self.tracks)

    def options(
        self,
        suffix: str,
        duration: Fraction,
        choices: Sequence[TrackChoice] | None = None,
        *,
        subtitles: bool = True,
    ) -> list[str]:
        """Return ffmpeg options that add the video's audio, and its subtitles if they fit.

        Streams keep their language. The duration limits the input: limiting the output could drop
        the film's last frame.

        Args:
            suffix: of the film, lower case.
            duration: of the film, in seconds.
            choices: of the sound tracks; None: they are made now.
            subtitles: False to leave the subtitles out.
        """
        if choices is None:
            choices = self.choices(suffix)
        texts = self.video.subtitle_codecs if subtitles else ()
        streams = [
            *_streams("a", [(choice.index, choice.encoder) for choice in choices]),
            *_streams("s", [(n, _subtitle(codec, suffix)) for n, codec in enumerate(texts)]),
        ]
        if not streams:
            return ["-map", "0:v:0"]
        limits = [*seek(self.begin), "-t", f"{float(duration):.6f}"]
        source = [*limits, *as_input(self.video)]
        if self.begin > 0 or suffix in MATROSKA:
            # Packets before the start would delay the picture, or be hidden in a .mp4.
            streams += ["-copypriorss:a", "0", "-copypriorss:s", "0"]
        return [*source, "-map", "0:v:0", *streams, "-map_metadata", "-1"]


def dropped_subtitles(codecs: Iterable[str], suffix: str) -> list[str]:
    """Return the codecs of subtitles that a container does not take, sorted, each once.

    Args:
        codecs: of the subtitles.
        suffix: of the film, lower case.
    """
    return sorted({codec for codec in codecs if _subtitle(codec, suffix) is None})


def _streams(kind: str, codecs: Sequence[tuple[int, tuple[str, ...] | None]]) -> list[str]:
    """Map streams of the second input: index, and encoder and options or None to drop it."""
    options: list[str] = []
    number = 0
    for index, codec in codecs:
        if codec is None:
            continue
        name, *rest = codec
        options += ["-map", f"1:{kind}:{index}", f"-c:{kind}:{number}", name]
        options += [f"{option}:{number}" if option[0] == "-" else option for option in rest]
        options += [f"-map_metadata:s:{kind}:{number}", f"1:s:{kind}:{index}"]
        number += 1
    return options


def _subtitle(codec: str, suffix: str) -> tuple[str, ...] | None:
    """Return the encoder for a subtitle stream; None if the container cannot hold it."""
    if suffix == ".webm":
        return ("webvtt",) if codec in _TEXTS else None
    if suffix == ".mkv":
        if codec == "mov_text":
            return ("subrip",)
        return ("copy",) if codec in _TEXTS | _PICTURES else None
    if codec == "mov_text":
        return ("copy",)
    return ("mov_text",) if codec in _TEXTS else None
