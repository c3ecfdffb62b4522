"""Music under a film: cut to the film's length, and faded out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.container import open_container, read_container
from batch_analogy.media.ffmpeg import FILES_ONLY, as_url
from batch_analogy.media.sound import choose_encoder


@dataclass(frozen=True)
class Music:
    """A file with sound, and how it ends."""

    path: Path
    fade_seconds: float

    def options(self, suffix: str, duration: Fraction) -> list[str]:
        """Return ffmpeg options that add the music to a film.

        Args:
            suffix: of the film, lower case.
            duration: of the film, in seconds.

        Raises:
            UsageError: the music cannot be read.
        """
        encoder = list(_encoder(self.path, suffix))
        fade = min(self.fade_seconds, float(duration))
        length = music_seconds(self.path)
        if fade > 0 and (length is None or length > duration):
            start = float(duration) - fade
            filters = [f"afade=t=out:st={start:.6f}:d={fade:.6f}"]
            if "-filter:a" in encoder:  # one option must hold all filters
                place = encoder.index("-filter:a")
                filters.insert(0, encoder[place + 1])
                del encoder[place : place + 2]
            encoder += ["-filter:a", ",".join(filters)]
        source = [*FILES_ONLY, "-t", f"{float(duration):.6f}", "-i", as_url(self.path)]
        streams = ["-map", "0:v:0", "-map", "1:a:0", "-c:a", *encoder]
        return [*source, *streams, "-map_metadata", "-1", "-map_chapters", "-1"]


def check_music(path: Path, suffix: str) -> None:
    """Check, before any work, that a file holds music that a film can have.

    Args:
        path: the file.
        suffix: of the film, lower case.

    Raises:
        UsageError: it is missing, holds no sound, or cannot be decoded.
    """
    _encoder(path, suffix)


def music_seconds(path: Path) -> Fraction | None:
    """Return the length of a file; None if it does not tell.

    Raises:
        InputError: it cannot be read.
    """
    with open_container(path) as container:
        return None if container.duration is None else Fraction(container.duration, av.time_base)


def _encoder(path: Path, suffix: str) -> tuple[str, ...]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"--music {path} {what}; give a file with sound, such as song.mp3")
    try:
        sounds = read_container(path).sounds
    except InputError as error:
        raise UsageError(f"--music {path} cannot be read as sound: {error}") from error
    if not sounds:
        raise UsageError(f"--music {path} holds no sound; give another file, such as song.mp3")
    chosen = choose_encoder(path, sounds[0], suffix)
    if chosen is None:
        raise UsageError(f"--music {path} cannot be decoded; convert it to .mp3 or .flac")
    return chosen
