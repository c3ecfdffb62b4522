"""Chapters: where they begin, with and without sound, in every container."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.film import encode_film
from batch_analogy.media.music import Music
from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video

STARTS = [Fraction(0), Fraction(1, 2), Fraction(13, 10)]


def chapters_of(film: Path) -> list[tuple[float, float, str]]:
    with av.open(str(film)) as container:
        return [
            (
                round(float(one["start"] * one["time_base"]), 3),
                round(float(one["end"] * one["time_base"]), 3),
                one["metadata"]["title"],
            )
            for one in container.chapters()
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("heard", [False, True])
def test_players_find_the_chapters(tmp_path: Path, suffix: str, heard: bool) -> None:
    song = tmp_path / "song.mp3"
    assert run_ffmpeg(["-f", "lavfi", "-i", "sine=d=3", str(song)]).code == 0
    write_png(tmp_path / "a.png", np.full((48, 64, 3), 0.5, np.float32))
    film = tmp_path / f"film{suffix}"
    info = encode_film(
        [tmp_path / "a.png"] * 20,
        film,
        fps=Fraction(10),
        encoding=EncodingOptions("vp9" if suffix == ".webm" else "h264"),
        sound=Music(song, 1.0) if heard else None,
        chapters=STARTS,
    )
    assert info.has_audio is heard
    assert chapters_of(film) == [(0, 0.5, "Shot 1"), (0.5, 1.3, "Shot 2"), (1.3, 2, "Shot 3")]
    assert probe_video(film).frame_count == 20
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.png", film.name, "song.mp3"]
