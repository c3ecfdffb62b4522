"""Choose, before any work is done, how each sound track of a video goes into a film.

A track is copied if players expect its codec in the film's container, otherwise encoded as AAC,
or as Opus in WebM.
Whether ffmpeg can do so is tried on the first second, because no table tells it: an encoder may
lack the track's channel layout, and some phones write tracks that nothing can decode.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.config.run import SoundTracks
from batch_analogy.media.container import UNKNOWN_CODEC, SoundStream
from batch_analogy.media.ffmpeg import FILES_ONLY, as_url, first_reason, run_ffmpeg

_TRIED_SECONDS = "1"
_COPY = ("copy",)
_AAC = ("aac", "-b:a", "256k")
_OPUS = ("libopus", "-b:a", "192k")
_FEWER_CHANNELS = (6, 2)  # that AAC and Opus can hold; more are mixed down
_FIRST_TWO = ("-filter:a", "pan=stereo|c0=c0|c1=c1")  # where there is no rule for mixing
_COMMON_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_PCM = frozenset({"pcm_s16le", "pcm_s24le"})
# Audio codecs that players expect in each container; all others are encoded as AAC.
_COPIED_AUDIO = {
    ".mp4": _COMMON_AUDIO,
    ".mov": _COMMON_AUDIO | _PCM,
    ".mkv": _COMMON_AUDIO | _PCM | {"flac", "opus", "vorbis"},
    ".webm": frozenset({"opus", "vorbis"}),
}
_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_PICTURE = ("-f", "lavfi", "-i", "color=s=64x64:r=10:d=0.1")


_Candidate = tuple[tuple[str, ...], str, bool]
"""An encoder and its options, what it does to the track, and whether that loses something."""


@dataclass(frozen=True)
class TrackChoice:
    """How a sound track goes into a film."""

    index: int  # among the video's sound tracks
    encoder: tuple[str, ...] | None  # and its options; None: the track is left out
    text: str  # what becomes of the track
    loses: bool = False  # something of it is lost

    @property
    def note(self) -> str | None:
        """What a person should know before the work begins; None: nothing is lost."""
        return self.text if self.loses else None


def choose_tracks(
    videos: Sequence[Path],
    sounds: Sequence[SoundStream],
    suffix: str,
    *,
    begin: Fraction,
    tracks: SoundTracks = "all",
) -> list[TrackChoice]:
    """Choose how each sound track of a video goes into a film.

    Args:
        videos: the file, or all files of a recording; a choice must do for each of them.
        sounds: the sound tracks of the file, alike in all.
        suffix: of the film, lower case.
        begin: of the film, in seconds after the start of the first file.
        tracks: ``"first"`` takes the first track that can be taken and leaves out the others.
    """
    choices: list[TrackChoice] = []
    for index, sound in enumerate(sounds):
        if tracks == "first" and any(choice.encoder for choice in choices):
            break
        choices.append(_choose(videos, index, sound, suffix, begin))
    return choices


def choose_encoder(path: Path, sound: SoundStream, suffix: str) -> tuple[str, ...] | None:
    """Choose an encoder and its options for the first track of a file; None: none can take it.

    Args:
        path: the file.
        sound: its first track.
        suffix: of the film, lower case.
    """
    return _choose([path], 0, sound, suffix, Fraction(0), copies=False).encoder


def _choose(
    videos: Sequence[Path],
    index: int,
    sound: SoundStream,
    suffix: str,
    begin: Fraction,
    *,
    copies: bool = True,
) -> TrackChoice:
    reason = ""
    for encoder, fate, loses in _candidates(sound, suffix):
        if encoder == _COPY and not copies:
            continue
        failure = _failure(videos, index, encoder, suffix, begin)
        if failure is None:
            return TrackChoice(index, encoder, f"{_name(index, sound)} {fate}", loses)
        reason = reason or failure
    left_out = f"is left out; ffmpeg can neither copy nor decode it ({reason})"
    return TrackChoice(index, None, f"{_name(index, sound)} {left_out}", True)


def _failure(
    videos: Sequence[Path], index: int, encoder: tuple[str, ...], suffix: str, begin: Fraction
) -> str | None:
    """Encode a second of a track of each file; return why one fails, or None."""
    picture = "libvpx" if suffix == ".webm" else "mpeg4"
    coded = ["-map", "0:v", "-c:v", picture, "-map", f"1:a:{index}", "-c:a", *encoder]
    film = ["-f", _FORMATS[suffix], "-y", os.devnull]
    for number, video in enumerate(videos):
        start = [] if number else seek(begin)
        source = [*FILES_ONLY, *start, "-t", _TRIED_SECONDS, "-i", as_url(video)]
        tried = run_ffmpeg(["-v", "error", *_PICTURE, *source, *coded, *film])
        if tried.code != 0:
            named = f" in {video.name}" if len(videos) > 1 else ""
            return first_reason(tried.messages) + named
    return None


def seek(begin: Fraction) -> list[str]:
    """Return input options that begin at a time; some AVIs deliver nothing after a seek to 0."""
    return ["-ss", f"{float(begin):.6f}"] if begin > 0 else []


def _candidates(sound: SoundStream, suffix: str) -> list[_Candidate]:
    """Return encoders and their options, the best first: what they do, and whether a loss."""
    if sound.codec == UNKNOWN_CODEC:
        return [(_COPY, "is copied, but few players know its codec", True)]
    encoder, name = (_OPUS, "Opus") if suffix == ".webm" else (_AAC, "AAC")
    found: list[_Candidate] = [(encoder, f"is encoded as {name}, as is usual in {suffix}", False)]
    if sound.codec in _COPIED_AUDIO[suffix]:
        found.insert(0, (_COPY, "is copied", False))
    for fewer in (number for number in _FEWER_CHANNELS if number < sound.channels):
        mixed = f"has {sound.channels} channels, which are mixed down to {fewer}"
        found.append(((*encoder, "-ac:a", str(fewer)), mixed, True))
    if sound.channels > 2:
        kept = f"has {sound.channels} channels, of which 2 are kept"
        found.append(((*encoder, *_FIRST_TWO), kept, True))
    return found


def _name(index: int, sound: SoundStream) -> str:
    language = f", {sound.language}" if sound.language else ""
    codec = "a codec unknown here" if sound.codec == UNKNOWN_CODEC else sound.codec
    return f"sound track {index + 1} ({codec}{language})"
