"""Looking at frames of a video without extracting it shows the frames that are extracted."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.extract import extract_frames
from batch_analogy.media.joined_video import probe_videos
from batch_analogy.media.peek import peek_frames, peek_recordings
from batch_analogy.media.stills import read_still
from batch_analogy.media.timing import TimeRange

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
STARTS = [None, Fraction(45, 100), Fraction(7, 10)]


def assert_same_frames(
    found: dict[int, np.ndarray], videos: list[Path], start: Fraction | None, folder: Path
) -> None:
    frames = extract_frames(probe_videos(videos), folder, time_range=TimeRange(start)).paths
    assert sorted(found) == [0, 2]
    for index, pixels in found.items():
        differences = [np.abs(pixels - read_still(frame)).mean() for frame in frames]
        assert int(np.argmin(differences)) == index
        assert differences[index] < 0.03  # its colours are not exact


@pytest.mark.parametrize("start", STARTS)
def test_frames_of_a_video(tmp_path: Path, clip: Clip, start: Fraction | None) -> None:
    path = clip(tmp_path / "a.mp4", size="128x96")
    assert_same_frames(peek_frames(path, [0, 2], start=start), [path], start, tmp_path / "f")


@pytest.mark.parametrize("start", STARTS)
def test_frames_of_a_recording_in_several_files(
    tmp_path: Path, clip: Clip, ffmpeg: Tool, start: Fraction | None
) -> None:
    whole = clip(tmp_path / "a.mp4", "-c:v", "libx264", "-g", "5", size="128x96")
    parts = [tmp_path / "0.mp4", tmp_path / "1.mp4"]
    split = ("-f", "segment", "-segment_times", "0.5", "-reset_timestamps", "1")
    ffmpeg("-i", whole, "-c", "copy", *split, tmp_path / "%d.mp4")
    found = peek_recordings(probe_videos(parts), [0, 2], start=start)
    assert_same_frames(found, [whole], start, tmp_path / "f")


@pytest.mark.parametrize("start", STARTS)
def test_frames_of_an_animation(tmp_path: Path, start: Fraction | None) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (10, 48, 64, 3), dtype=np.uint8)
    images = [Image.fromarray(frame) for frame in noise]
    path = tmp_path / "a.webp"
    images[0].save(path, save_all=True, append_images=images[1:], duration=100, lossless=True)
    assert_same_frames(peek_frames(path, [0, 2], start=start), [path], start, tmp_path / "f")
