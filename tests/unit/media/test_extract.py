"""Extracting frames of unusual videos: times, time ranges, damage."""

from __future__ import annotations

import itertools
import logging
import socket
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.extract import ExtractedFrames, extract_frames
from batch_analogy.media.stills import FloatPixels, read_depth, read_still
from batch_analogy.media.timing import TimeRange
from batch_analogy.media.video import probe_video

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
UNEVEN = [*range(12), *range(12, 60, 4)]  # in thirtieths of a second


def varying_clip(path: Path, clip: Clip) -> Path:
    """Make a clip of 24 frames at ``UNEVEN`` times."""
    uneven = "select='lt(n,12)+gte(n,12)*not(mod(n,4))'"
    return clip(path, "-vf", uneven, "-fps_mode", "vfr", *H264, rate="30", seconds="2")


def extracted(path: Path, **options: TimeRange) -> ExtractedFrames:
    return extract_frames(probe_video(path), path.parent / f"{path.stem}.frames", **options)


def pictures(path: Path) -> list[FloatPixels]:
    return [read_still(frame) for frame in extracted(path).paths]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "ts"])
def test_keeps_variable_frame_times(tmp_path: Path, clip: Clip, suffix: str) -> None:
    times = extracted(varying_clip(tmp_path / f"a.{suffix}", clip)).times
    exact = [Fraction(tick, 30) for tick in UNEVEN]
    rounding = Fraction(1, 2000) if suffix == "mkv" else 0
    pairs = zip(times.seconds, exact, strict=True)
    assert all(abs(found - wanted) <= rounding for found, wanted in pairs)
    assert times.rate()[1]


def test_a_reused_folder_has_the_same_times(tmp_path: Path, clip: Clip) -> None:
    path = varying_clip(tmp_path / "a.mp4", clip)
    assert extracted(path) == extracted(path)


def test_a_time_range_is_exact_and_not_reused_for_another(tmp_path: Path, clip: Clip) -> None:
    path = clip(tmp_path / "a.mp4", "-bf", "2", *H264, rate="24000/1001", seconds="2")
    whole = [frame.read_bytes() for frame in extracted(path).paths]
    fps = Fraction(24000, 1001)
    part = extracted(path, time_range=TimeRange(10 / fps, 17 / fps))
    assert [frame.read_bytes() for frame in part.paths] == whole[10:17]
    assert (part.begin, part.times.duration) == (10 / fps, 7 / fps)
    assert len(extracted(path, time_range=TimeRange(end=Fraction(1, 2))).paths) == 12


def test_extracts_a_time_range_of_a_variable_rate(tmp_path: Path, clip: Clip) -> None:
    path = varying_clip(tmp_path / "a.mp4", clip)
    part = extracted(path, time_range=TimeRange(Fraction(10, 30), Fraction(20, 30)))
    assert [t * 30 for t in part.times.seconds] == [0, 1, 2, 6]
    assert part.times.duration * 30 == 10


def test_rejects_a_time_range_without_frames(tmp_path: Path, clip: Clip) -> None:
    with pytest.raises(InputError, match=r"no frame in the requested part.*lasts 1\.000 s"):
        extracted(clip(tmp_path / "a.mp4"), time_range=TimeRange(start=Fraction(3)))


def test_warns_of_corrupt_packets(
    tmp_path: Path, clip: Clip, caplog: pytest.LogCaptureFixture
) -> None:
    """Frames that can be decoded are kept at their times, and the damage is reported."""
    options = ("-g", "5", *H264)
    path = clip(tmp_path / "a.ts", *options, size="128x96", seconds="3")
    data = bytearray(path.read_bytes())
    middle = slice(len(data) // 2, len(data) // 2 + 3000)
    data[middle] = bytes((byte * 7 + 13) & 255 for byte in data[middle])
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        frames = extracted(path)
    assert 20 < len(frames.paths) <= 30
    assert frames.times.duration == pytest.approx(3, abs=0.2)
    assert all(b > a for a, b in itertools.pairwise(frames.times.ticks))
    assert "damaged in places" in caplog.text


def test_rejects_a_video_without_frames(tmp_path: Path, ffmpeg: Tool) -> None:
    path = tmp_path / "a.mkv"
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:d=1")
    ffmpeg(*source, "-frames:v", "0", *H264, path)
    with pytest.raises(InputError, match="cannot be decoded as a video"):
        probe_video(path)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_keeps_odd_sizes(tmp_path: Path, clip: Clip, pixels: str) -> None:
    options = ("-vf", "scale=127:95", "-c:v", "ffv1", "-pix_fmt", pixels)
    assert pictures(clip(tmp_path / "a.mkv", *options))[0].shape == (95, 127, 3)


def test_fits_frames_of_another_size_into_the_first(tmp_path: Path, clip: Clip) -> None:
    big = clip(tmp_path / "big.ts", *H264, size="128x96", seconds="0.5")
    small = clip(tmp_path / "small.ts", *H264, size="48x48", seconds="0.5")
    both = tmp_path / "both.ts"
    both.write_bytes(big.read_bytes() + small.read_bytes())
    frames = pictures(both)
    assert {frame.shape for frame in frames} == {(96, 128, 3)}
    assert len(frames) == 10
    assert frames[-1][:, :16].max() < 0.02, "a square in a wide frame has black sides"
    assert frames[-1][:, 16:112].mean() > 0.1


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mov", ("png", "rgba")),
        ("mov", ("qtrle", "argb")),
        ("mov", ("prores_ks", "yuva444p10le")),
        ("mkv", ("ffv1", "yuva420p")),
    ],
)
def test_composites_transparency_over_white(
    tmp_path: Path, ffmpeg: Tool, suffix: str, codec: tuple[str, str]
) -> None:
    path = tmp_path / f"a.{suffix}"
    source = "color=c=red@0.5:s=64x48:r=10:d=0.2,format=rgba"
    profile = ("-profile:v", "4444") if codec[0] == "prores_ks" else ()
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", codec[0], *profile, "-pix_fmt", codec[1], path)
    frame = pictures(path)[0]
    np.testing.assert_allclose(frame[10, 10], (1.0, 0.5, 0.5), atol=0.02)


def combing(frame: FloatPixels) -> float:
    """Return the mean difference of each row from the mean of its neighbours."""
    return float(np.abs(frame[1:-1] - (frame[:-2] + frame[2:]) / 2).mean())


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_deinterlaces_interlaced_frames(
    tmp_path: Path, clip: Clip, ffmpeg: Tool, codec: str
) -> None:
    weave = "tinterlace=interleave_top,setfield=tff"
    options = ("-vf", weave, "-c:v", codec, "-flags", "+ilme+ildct", "-r", "25", "-q:v", "2")
    path = clip(tmp_path / "a.mpg", *options, size="128x96", rate="50")
    assert probe_video(path).tags.interlaced
    frames = pictures(path)
    assert len(frames) == 25
    data = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    woven = np.frombuffer(data, np.uint8).reshape(-1, 96, 128, 3)[12] / np.float32(255)
    assert combing(frames[12]) < 0.7 * combing(woven)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "prores_ks"])
def test_keeps_ten_bits(tmp_path: Path, ffmpeg: Tool, codec: str) -> None:
    """A ramp that would have 26 steps in 8 bits has four times as many."""
    path = tmp_path / "a.mov"
    ramp = "nullsrc=s=832x64:r=10:d=0.2,format=gray10le,geq=lum='400+floor(X/8)'"
    pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p10le"
    quality = {"libx264": ("-qp", "0"), "libx265": ("-x265-params", "lossless=1")}.get(codec, ())
    ffmpeg("-f", "lavfi", "-i", ramp, "-pix_fmt", pixels, "-c:v", codec, *quality, path)
    frames = extracted(path)
    assert read_depth(frames.paths[0]) == 16
    assert len(np.unique(read_still(frames.paths[0])[32, 4::8, 1])) > 80


def test_hdr_keeps_fine_steps(tmp_path: Path, ffmpeg: Tool) -> None:
    path = tmp_path / "a.mkv"
    ramp = "nullsrc=s=800x64:r=10:d=0.2,format=gray10le,geq=lum='300+floor(X/8)',format=yuv420p10le"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    ffmpeg("-f", "lavfi", "-i", f"{ramp},{tags}", "-c:v", "ffv1", path)
    info, frames = probe_video(path), extracted(path)
    assert info.tags.is_hdr
    assert info.colours.primaries == info.colours.transfer == "bt709"
    assert len(np.unique(read_still(frames.paths[0])[32, 4::8, 1])) > 80


@pytest.mark.parametrize("name", ["-clip.mp4", "http:clip.mp4", "concat:a|b.mp4", "pipe:0.mp4"])
def test_accepts_names_that_look_like_patterns_or_options(
    tmp_path: Path, clip: Clip, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "plain.mp4").rename(tmp_path / name)
    info = probe_video(Path(name))
    assert len(extract_frames(info, Path("frames")).paths) == 10


def test_does_not_open_network_addresses() -> None:
    with pytest.raises(UsageError, match="addresses are not opened"):
        probe_video(Path("http://localhost/clip.mp4").absolute())


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_a_playlist_cannot_open_network_addresses(tmp_path: Path, kind: str) -> None:
    """A playlist named like a video contains an address, which must not be opened."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n"
        if kind == "concat":
            text = f"ffconcat version 1.0\nfile {address}\n"
        (tmp_path / "a.mp4").write_text(text)
        with pytest.raises(InputError, match="cannot be decoded"):
            probe_video(tmp_path / "a.mp4")
        with pytest.raises(TimeoutError):
            server.accept()
