"""Animated pictures are films: WebP, AVIF, APNG and GIF."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.errors import InputError
from batch_analogy.media.animation import animation_notes
from batch_analogy.media.coverage import coverage_notes
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.label_pictures import read_map
from batch_analogy.media.sequence import find_stills, is_video
from batch_analogy.media.timing import TimeRange
from batch_analogy.media.video import probe_video

DURATIONS_MS = (100, 100, 300, 100, 50)
ANIMATIONS = ["a.webp", "a.png", "a.apng", "a.gif", "a.avif"]


def drawings(alpha: bool = False) -> list[np.ndarray]:
    """Draw a bar that moves over a flat ground: (48, 64, 3 or 4) uint8."""
    frames = []
    for index in range(len(DURATIONS_MS)):
        frame = np.full((48, 64, 4), (40 * index, 160, 40, 0 if alpha else 255), np.uint8)
        frame[8:32, 8 * index : 8 * index + 16] = (240, 30, 200, 255)
        frames.append(frame if alpha else frame[..., :3])
    return frames


def animate(path: Path, frames: list[np.ndarray]) -> Path:
    images = [Image.fromarray(frame) for frame in frames]
    kind = {"format": "PNG"} if path.suffix == ".apng" else {}
    exact = {".webp": {"lossless": True, "exact": True}, ".avif": {"quality": 100}}
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=list(DURATIONS_MS),
        **kind,
        **exact.get(path.suffix, {}),
    )
    return path


@pytest.mark.parametrize("name", ANIMATIONS)
def test_an_animation_is_a_film_with_its_own_times(tmp_path: Path, name: str) -> None:
    frames = drawings()
    path = animate(tmp_path / name, frames)
    assert is_video(path)
    info = probe_video(path)
    assert (info.height, info.width, info.frame_count, info.variable_rate) == (48, 64, 5, True)
    seconds = [Fraction(sum(DURATIONS_MS[:n]), 1000) for n in range(5)]
    assert info.times.seconds == seconds
    assert info.times.duration == Fraction(sum(DURATIONS_MS), 1000)
    made = extract_frames(info, tmp_path / "f")
    assert made.times.seconds == seconds
    for found, wanted in zip(made.paths, frames, strict=True):
        pixels = np.asarray(Image.open(found)).astype(int)
        assert pixels.shape == wanted.shape
        # AVIF stores less colour; GIF picks 256 colours.
        assert np.abs(pixels - wanted).mean() <= (3 if name[2:] in ("avif", "gif") else 0)


@pytest.mark.parametrize("name", ANIMATIONS)
def test_a_part_of_an_animation(tmp_path: Path, name: str) -> None:
    info = probe_video(animate(tmp_path / name, drawings()))
    whole = extract_frames(info, tmp_path / "whole").paths
    part = TimeRange(Fraction(1, 5), Fraction(6, 10))
    frames = extract_frames(info, tmp_path / "part", time_range=part)
    assert [p.read_bytes() for p in frames.paths] == [p.read_bytes() for p in whole[2:4]]
    assert frames.begin == Fraction(1, 5)
    assert frames.times.duration == Fraction(4, 10)


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.avif"])
def test_transparent_animations_stay_transparent(tmp_path: Path, name: str) -> None:
    frames = drawings(alpha=True)
    info = probe_video(animate(tmp_path / name, frames))
    assert info.tags.has_alpha
    made = extract_frames(info, tmp_path / "f")
    opacity = np.asarray(Image.open(made.paths[2]))[..., 3]
    assert np.array_equal(opacity > 127, frames[2][..., 3] > 127)


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif", "a.avif", "a.jpg", "a.tif"])
def test_a_picture_with_one_frame_is_a_still(tmp_path: Path, name: str) -> None:
    Image.fromarray(drawings()[0]).save(tmp_path / name)
    assert not is_video(tmp_path / name)
    assert find_stills(str(tmp_path / name)) == [str(tmp_path / name)]


@pytest.mark.parametrize("name", ["a.mpo", "a.tif"])
def test_pages_and_views_are_no_frames(tmp_path: Path, name: str) -> None:
    images = [Image.fromarray(frame) for frame in drawings()]
    images[0].save(tmp_path / name, save_all=True, append_images=images[1:])
    assert not is_video(tmp_path / name)


def test_an_animation_is_known_by_its_content(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.webp", drawings()).rename(tmp_path / "a.jpg")
    assert is_video(path)
    assert len(extract_frames(probe_video(path), tmp_path / "f").paths) == 5


def test_a_damaged_animation_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (5, 48, 64, 3), dtype=np.uint8)
    path = animate(tmp_path / "a.webp", list(noise))
    data = bytearray(path.read_bytes())
    middle = len(data) * 7 // 10
    data[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.webp could be decoded only up to frame 3"):
        probe_video(path)


@pytest.mark.parametrize("name", [*ANIMATIONS, "a.tif", "a.heic"])
def test_several_pictures_used_as_one_are_told(tmp_path: Path, name: str) -> None:
    """A reference, a mask, a map or a painted picture is a still: the first of several."""
    path = tmp_path / name
    frames = [np.zeros((48, 64, 3), np.uint8) for _ in range(3)]
    for index, frame in enumerate(frames):
        frame[8:32, 8 * index : 8 * index + 16] = 255
    images = [Image.fromarray(frame) for frame in frames]
    if name == "a.heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        several = pillow_heif.HeifFile()
        for image in images:
            several.add_from_pillow(image)
        several.save(path)
    else:
        kind = {"format": "PNG"} if name == "a.apng" else {}
        images[0].save(path, save_all=True, append_images=images[1:], **kind)
    told = "holds 3 pictures" if name in ("a.tif", "a.heic") else "is animated"
    for notes in (animation_notes(path), coverage_notes(path, (48, 64)), read_map(path).notes):
        assert [told in note for note in notes].count(True) == 1, notes


def test_copies_in_a_tiff_are_no_pictures(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    pixels = drawings()[0]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(pixels, photometric="rgb")
        writer.write(np.ascontiguousarray(pixels[::2, ::2]), photometric="rgb", subfiletype=1)
        writer.write(pixels, photometric="rgb", subfiletype=1)
    assert animation_notes(tmp_path / "a.tif") == ()
    animate(tmp_path / "b.gif", drawings()[:1])
    assert animation_notes(tmp_path / "b.gif") == ()
