"""Recordings that a camera split into several files are one video, with its times and sound."""

from __future__ import annotations

import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.encoding import Soundtrack
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.film import encode_film
from batch_analogy.media.joined_video import probe_videos
from batch_analogy.media.recordings import find_videos, split_sources
from batch_analogy.media.timing import TimeRange
from batch_analogy.media.video import probe_video

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
ALL_KEYS = ("-c:v", "libx264", "-g", "5", "-bf", "2", "-pix_fmt", "yuv420p")
RATE = Fraction(30000, 1001)


def split_recording(folder: Path, ffmpeg: Tool, suffix: str = ".MP4") -> tuple[Path, list[Path]]:
    """Record 45 frames with a beep at 1 s, whole and in three files as a camera writes them."""
    whole = folder / f"whole{suffix}"
    beep = "aevalsrc='0.8*sin(2*PI*440*t)*gte(t,1)*lt(t,1.2)':d=1.5:s=48000"
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001:d=1.5", "-f", "lavfi", "-i", beep)
    ffmpeg(*source, *ALL_KEYS, "-c:a", "aac", whole)
    times = ("-f", "segment", "-segment_times", "0.5,1.0", "-reset_timestamps", "1")
    ffmpeg("-i", whole, "-map", "0", "-c", "copy", *times, folder / f"part%d{suffix}")
    parts = []
    for number in range(3):
        parts.append(folder / f"GX0{number + 1}0042{suffix}")
        (folder / f"part{number}{suffix}").rename(parts[-1])
    return whole, parts


@pytest.mark.parametrize("suffix", [".MP4", ".mkv", ".mts"])
def test_parts_give_the_frames_and_times_of_the_whole(
    tmp_path: Path, ffmpeg: Tool, suffix: str
) -> None:
    whole, parts = split_recording(tmp_path, ffmpeg, suffix)
    one, joined = probe_video(whole), probe_videos(parts)
    assert (joined.fps, joined.variable_rate, joined.frame_count) == (RATE, False, 45)
    before = extract_frames(one, tmp_path / "one").paths
    frames = extract_frames(joined, tmp_path / "joined")
    assert [p.name for p in frames.paths] == [p.name for p in before]
    assert [p.read_bytes() for p in frames.paths] == [p.read_bytes() for p in before]
    assert frames.times.rate((RATE,)) == (RATE, False)


@pytest.mark.parametrize(("start", "end"), [(0.2, 0.3), (0.4, 1.1), (0.55, None), (None, 0.52)])
def test_a_range_may_cross_the_border_of_two_files(
    tmp_path: Path, ffmpeg: Tool, start: float | None, end: float | None
) -> None:
    whole, parts = split_recording(tmp_path, ffmpeg)
    wanted = TimeRange(*(None if t is None else Fraction(t) for t in (start, end)))
    one, joined = probe_video(whole), probe_videos(parts)
    before = extract_frames(one, tmp_path / "one", time_range=wanted)
    after = extract_frames(joined, tmp_path / "joined", time_range=wanted)
    assert [p.read_bytes() for p in after.paths] == [p.read_bytes() for p in before.paths]
    begins = float(after.begin) - joined.start_seconds, float(before.begin) - one.start_seconds
    assert begins[0] == pytest.approx(begins[1], abs=0.002)
    assert float(after.times.duration) == pytest.approx(float(before.times.duration), abs=0.002)


@pytest.mark.parametrize("suffix", [".MP4", ".mts"])
@pytest.mark.parametrize("start", [0, 20])
def test_the_sound_of_the_parts_stays_in_sync(
    tmp_path: Path, ffmpeg: Tool, suffix: str, start: int
) -> None:
    _, parts = split_recording(tmp_path, ffmpeg, suffix)
    (tmp_path / "it's here").mkdir()
    parts = [part.rename(tmp_path / "it's here" / part.name) for part in parts]
    joined = probe_videos(parts)
    part = TimeRange(Fraction(start) / RATE)
    frames = extract_frames(joined, tmp_path / "f", time_range=part)
    film = tmp_path / "film.mp4"
    sound = Soundtrack(joined, frames.begin)
    assert encode_film(frames.paths, film, fps=RATE, sound=sound).has_audio
    assert probe_video(film).frame_count == 45 - start
    raw = ffmpeg("-i", film, "-map", "0:a", "-ac", "1", "-ar", "8000", "-f", "s16le", "-")
    heard = np.abs(np.frombuffer(raw, np.int16).astype(int)) > 5000
    expected = 1 - float(start / RATE)
    assert int(np.argmax(heard)) / 8000 == pytest.approx(expected, abs=0.06)
    last = len(heard) - int(np.argmax(heard[::-1]))
    assert last / 8000 == pytest.approx(expected + 0.2, abs=0.08)


def test_parts_must_be_alike(tmp_path: Path, clip: Clip) -> None:
    one, other = clip(tmp_path / "a.mp4"), clip(tmp_path / "b.mp4", size="128x96")
    with pytest.raises(InputError, match=r"not parts of one recording: .*64×48 px.*128×96 px"):
        probe_videos([one, other])


def test_parts_of_different_sound_make_a_silent_film_with_a_warning(
    tmp_path: Path, clip: Clip, caplog: pytest.LogCaptureFixture
) -> None:
    heard = clip(tmp_path / "a.mp4", *ALL_KEYS, "-c:a", "aac", sound="1")
    with caplog.at_level(logging.WARNING):
        joined = probe_videos([heard, clip(tmp_path / "b.mp4", *ALL_KEYS)])
    assert (joined.frame_count, joined.has_audio) == (20, False)
    assert "different sound tracks" in caplog.text


def test_extracted_parts_are_used_again_and_noticed_if_changed(
    tmp_path: Path, ffmpeg: Tool
) -> None:
    _, parts = split_recording(tmp_path, ffmpeg)
    first = extract_frames(probe_videos(parts), tmp_path / "f")
    before = [path.stat().st_mtime_ns for path in first.paths]
    again = extract_frames(probe_videos(parts), tmp_path / "f")
    assert [path.stat().st_mtime_ns for path in again.paths] == before
    fewer = extract_frames(probe_videos(parts[:2]), tmp_path / "f")
    assert len(fewer.paths) == 30


def touch(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).touch()
    return [str(folder / name) for name in names]


def test_parts_are_found_in_the_order_of_the_recording(tmp_path: Path) -> None:
    touch(tmp_path, "GX010042.MP4", "GX010043.MP4", "GX020042.MP4", "GX010042.THM", "GL010042.LRV")
    order = ["GX010042.MP4", "GX020042.MP4", "GX010043.MP4"]
    found = find_videos(f"{tmp_path}/G*")
    assert [video.name for video in found] == order
    expanded = [str(path) for path in sorted(tmp_path.glob("GX*.MP4"))]  # as a shell does
    assert [video.name for video in find_videos(expanded[0], expanded)] == order
    chosen = [expanded[1], expanded[0]]
    assert [str(video) for video in find_videos(chosen[0], chosen)] == chosen


def test_a_pattern_of_pictures_and_videos_is_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.mov", "b.jpg")
    assert find_videos(f"{tmp_path}/*") == []
    assert find_videos(str(tmp_path)) == []


def test_pictures_and_videos_are_not_mixed(tmp_path: Path) -> None:
    files = touch(tmp_path, "a.jpg", "b.mov")
    with pytest.raises(UsageError, match=r"b\.mov is a video and .*a\.jpg is not"):
        find_videos(files[0], files)


def test_several_pictures_stand_for_their_folder(tmp_path: Path) -> None:
    files = touch(tmp_path, "a.jpg", "b.jpg")
    assert split_sources(files) == (str(tmp_path), tuple(files))
    assert split_sources([files[0]]) == (files[0], ())
    (tmp_path / "more").mkdir()
    files += touch(tmp_path / "more", "c.jpg")
    assert split_sources(files) == (str(tmp_path), tuple(files))
