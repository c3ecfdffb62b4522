"""Music under a film: its length, its end, and files that are no music."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from batch_analogy.errors import UsageError
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.film import encode_film
from batch_analogy.media.music import Music, check_music, music_seconds
from batch_analogy.media.stills import write_png


def sine(path: Path, seconds: float, *options: str, kind: str = "sine=f=440") -> Path:
    made = ["-f", "lavfi", "-i", f"{kind}:d={seconds}", *options, str(path)]
    assert run_ffmpeg(made).code == 0
    return path


def film_of(folder: Path, seconds: int, music: Music, name: str = "film.mp4") -> Path:
    grey = folder / "grey.png"
    write_png(grey, np.full((48, 64, 3), 0.5, np.float32))
    film = folder / name
    codec = "vp9" if name.endswith(".webm") else "h264"
    info = encode_film(
        [grey] * (10 * seconds),
        film,
        fps=Fraction(10),
        encoding=EncodingOptions(codec),
        sound=music,
    )
    assert info.has_audio
    return film


def loudness(film: Path) -> np.ndarray:
    """Return the root mean square of each tenth of a second."""
    with av.open(str(film)) as container:
        rate = container.streams.audio[0].rate
        parts = [frame.to_ndarray().mean(0) for frame in container.decode(audio=0)]
    samples = np.concatenate(parts)
    step = rate // 10
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    return np.asarray(np.sqrt((whole**2).mean(1)))


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.webm"])
def test_long_music_fades_out_with_the_film(tmp_path: Path, name: str) -> None:
    song = sine(tmp_path / "song.flac", 9)
    loud = loudness(film_of(tmp_path, 4, Music(song, 2.0), name))
    assert 38 <= len(loud) <= 41  # as long as the film
    steady = loud[5:18].mean()
    assert steady > 0.05
    assert abs(loud[30] / steady - 0.475) < 0.06  # halfway down
    assert loud[38:].max() < 0.1 * steady


def test_music_without_a_fade_is_loud_to_the_end(tmp_path: Path) -> None:
    song = sine(tmp_path / "song.mp3", 5)
    loud = loudness(film_of(tmp_path, 2, Music(song, 0.0)))
    assert loud[17] > 0.9 * loud[8]


def test_short_music_ends_by_itself(tmp_path: Path) -> None:
    song = sine(tmp_path / "song.wav", 1)
    loud = loudness(film_of(tmp_path, 3, Music(song, 2.0)))
    assert len(loud) <= 12
    assert loud[8] > 0.9 * loud[4]


def test_music_of_many_channels_and_with_a_cover(tmp_path: Path) -> None:
    """Ten channels are more than AAC holds; a cover is a video stream of a song."""
    ten = "|".join(f"sin(440*2*PI*t)*{n % 2}" for n in range(1, 11))
    many = tmp_path / "many.wav"
    assert run_ffmpeg(["-f", "lavfi", "-i", f"aevalsrc={ten}:d=3", str(many)]).code == 0
    assert loudness(film_of(tmp_path, 2, Music(many, 1.0)))[2] > 0.05
    song, cover = sine(tmp_path / "song.mp3", 3), tmp_path / "cover.mp3"
    write_png(tmp_path / "c.png", np.zeros((16, 16, 3), np.float32))
    added = ["-i", str(song), "-i", str(tmp_path / "c.png"), "-map", "0", "-map", "1", "-c", "copy"]
    assert run_ffmpeg([*added, "-disposition:v", "attached_pic", str(cover)]).code == 0
    film = film_of(tmp_path, 2, Music(cover, 1.0), "covered.mp4")
    with av.open(str(film)) as container:
        assert (len(container.streams.video), len(container.streams.audio)) == (1, 1)


def test_refuses_what_is_no_music(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    assert run_ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.2", str(silent)]).code == 0
    (tmp_path / "text.mp3").write_text("no music")
    for path, words in (
        (silent, "holds no sound"),
        (tmp_path / "text.mp3", "cannot be read as sound"),
        (tmp_path / "gone.mp3", "does not exist"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(UsageError, match=words):
            check_music(path, ".mp4")


def test_reads_the_length(tmp_path: Path) -> None:
    seconds = music_seconds(sine(tmp_path / "song.flac", 2.5))
    assert seconds is not None
    assert abs(seconds - Fraction(5, 2)) < Fraction(1, 100)
