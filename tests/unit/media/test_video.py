"""Probing unusual videos: rates, rotation, colours, damage."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.errors import InputError, OutputDiskError, UsageError
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.stills import read_still
from batch_analogy.media.timing import snap_rate
from batch_analogy.media.video import VideoInfo, probe_video
from tests.support.processes.paced import PATIENCE_SECONDS

Clip = Callable[..., Path]
Tool = Callable[..., bytes]
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


def frames_of(
    info: VideoInfo, folder: Path, on_frame: Callable[[int], None] | None = None
) -> list[Path]:
    """Extract the frames' pictures."""
    return extract_frames(info, folder, on_frame).paths


@pytest.mark.parametrize("rate", ["24000/1001", "24", "30000/1001", "25", "60000/1001", "25/2"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_finds_exact_rates(tmp_path: Path, clip: Clip, rate: str, suffix: str) -> None:
    info = probe_video(clip(tmp_path / f"a.{suffix}", rate=rate))
    assert info.fps == Fraction(rate)
    assert not info.variable_rate
    assert info.duration_seconds == pytest.approx(info.frame_count / Fraction(rate))
    assert (info.height, info.width) == (48, 64)


@pytest.mark.parametrize(
    ("shown", "exact"),
    [
        ("23.98", "24000/1001"),
        ("29.97", "30000/1001"),
        ("59.94", "60000/1001"),
        ("119.88", "120000/1001"),
        ("14.99", "15000/1001"),
        ("24", "24"),
        ("0.5", "1/2"),
        ("29.8", "149/5"),
    ],
)
def test_snaps_rounded_rates_to_exact_ones(shown: str, exact: str) -> None:
    assert snap_rate(Fraction(shown)) == Fraction(exact)


def varying_clip(path: Path, clip: Clip) -> Path:
    """Make a clip of 24 frames at uneven times over about two seconds."""
    uneven = "select='lt(n,12)+gte(n,12)*not(mod(n,4))'"
    options = ("-vf", uneven, "-fps_mode", "vfr", *H264, "-qp", "0")
    return clip(path, *options, size="128x128", rate="30", seconds="2")


def test_variable_rate_keeps_exactly_the_original_frames(tmp_path: Path, clip: Clip) -> None:
    info = probe_video(varying_clip(tmp_path / "a.mp4", clip))
    assert info.frame_count == 24
    assert info.variable_rate
    frames = frames_of(info, tmp_path / "frames")
    assert len(frames) == 24
    assert len({frame.read_bytes() for frame in frames}) == 24  # none is a repeat


def test_variable_rate_keeps_the_video_duration(tmp_path: Path, clip: Clip) -> None:
    info = probe_video(varying_clip(tmp_path / "a.mkv", clip))
    last_frame_seconds = 56 / 30
    assert last_frame_seconds < info.duration_seconds <= last_frame_seconds + 0.14
    assert info.fps * Fraction(info.duration_seconds).limit_denominator(10**6) == pytest.approx(24)


@pytest.mark.parametrize("suffix", ["avi", "webm", "mov", "mpg", "ts", "gif"])
def test_probes_other_containers(tmp_path: Path, clip: Clip, suffix: str) -> None:
    codec = {"webm": ("-c:v", "libvpx"), "mov": H264, "ts": H264, "gif": ("-c:v", "gif")}
    options = codec.get(suffix, ("-c:v", "mpeg4" if suffix == "avi" else "mpeg2video", "-bf", "2"))
    info = probe_video(clip(tmp_path / f"a.{suffix}", *options, rate="25"))
    assert info.fps == 25
    assert len(frames_of(info, tmp_path / "frames")) == info.frame_count == 25


def test_cut_clip_counts_shown_frames_only(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    whole = clip(tmp_path / "a.mp4", rate="24000/1001")
    ffmpeg("-ss", "0.3", "-i", whole, "-c", "copy", tmp_path / "cut.mp4")
    info = probe_video(tmp_path / "cut.mp4")
    assert info.frame_count < 20
    assert len(frames_of(info, tmp_path / "frames")) == info.frame_count


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_applies_the_rotation(tmp_path: Path, clip: Clip, ffmpeg: Tool, degrees: int) -> None:
    flat = clip(tmp_path / "a.mp4")
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", str(degrees), "-i", flat, "-c", "copy", turned)
    info = probe_video(turned)
    assert (info.height, info.width) == ((48, 64) if degrees == 180 else (64, 48))
    first = read_still(frames_of(info, tmp_path / "turned")[0])
    upright = read_still(frames_of(probe_video(flat), tmp_path / "flat")[0])
    assert first.shape == (info.height, info.width, 3)
    assert np.abs(np.rot90(upright, degrees // 90) - first).mean() < 0.01


def test_non_square_pixels_become_square(tmp_path: Path, clip: Clip) -> None:
    info = probe_video(clip(tmp_path / "a.mp4", "-vf", "setsar=4/3", *H264, size="72x54"))
    assert (info.height, info.width) == (54, 96)
    assert read_still(frames_of(info, tmp_path / "f")[0]).shape == (54, 96, 3)


KR_KB = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114)}


def yuv_clip(
    path: Path,
    ffmpeg: Tool,
    rgb: tuple[float, float, float],
    *,
    size: tuple[int, int],
    matrix: str,
    tags: str = "",
    full: bool = False,
) -> Path:
    """Write a flat colour whose Y, Cb and Cr are computed here, not by ffmpeg."""
    kr, kb = KR_KB[matrix]
    red, green, blue = rgb
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = [(blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))]
    y = round(luma * 255) if full else round(16 + 219 * luma)
    cb, cr = (round(128 + (255 if full else 224) * c) for c in chroma)
    height, width = size
    quarter = height * width // 4
    data = bytes([y]) * (height * width) + bytes([cb]) * quarter + bytes([cr]) * quarter
    raw = path.with_suffix(".yuv")
    raw.write_bytes(data * 3)
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", "10")
    filters = ("-vf", f"setparams={tags}") if tags else ()
    ffmpeg(*source, "-i", raw, *filters, "-c:v", "libx264", "-qp", "0", path)
    return path


COLOURS = [(0.8, 0.2, 0.1), (0.1, 0.7, 0.2), (0.2, 0.3, 0.9), (0.5, 0.5, 0.5)]


@pytest.mark.parametrize("rgb", COLOURS)
@pytest.mark.parametrize(
    ("matrix", "tags", "size", "full"),
    [
        ("bt709", "colorspace=bt709:range=tv", (48, 64), False),
        ("bt601", "colorspace=smpte170m:range=tv", (720, 96), False),
        ("bt601", "colorspace=bt470bg:range=pc", (48, 64), True),
        ("bt709", "", (720, 720), False),  # untagged HD is BT.709 to every player
        ("bt601", "", (48, 64), False),  # untagged SD is BT.601
    ],
)
def test_decodes_colours_correctly(
    tmp_path: Path,
    ffmpeg: Tool,
    rgb: tuple[float, float, float],
    matrix: str,
    tags: str,
    size: tuple[int, int],
    full: bool,
) -> None:
    path = yuv_clip(tmp_path / "a.mp4", ffmpeg, rgb, size=size, matrix=matrix, tags=tags, full=full)
    frame = read_still(frames_of(probe_video(path), tmp_path / "frames")[1])
    np.testing.assert_allclose(frame, np.broadcast_to(rgb, frame.shape), atol=2.6 / 255)


@pytest.mark.parametrize(("transfer", "white"), [("smpte2084", 0.58), ("arib-std-b67", 0.75)])
def test_maps_hdr_to_sdr(tmp_path: Path, ffmpeg: Tool, transfer: str, white: float) -> None:
    """Reference white is 0.58 in PQ and 0.75 in HLG; unconverted it would look grey."""
    count = 64 * 48
    levels = np.full(count, round(64 + 876 * white), "<u2").tobytes()
    (tmp_path / "a.yuv").write_bytes((levels + np.full(count // 2, 512, "<u2").tobytes()) * 2)
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "64x48", "-r", "10")
    tags = f"setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}:range=tv"
    ffmpeg(*source, "-i", tmp_path / "a.yuv", "-vf", tags, "-c:v", "libx264", tmp_path / "a.mp4")
    info = probe_video(tmp_path / "a.mp4")
    assert info.tags.transfer == transfer
    frame = read_still(frames_of(info, tmp_path / "frames")[0])
    assert frame.mean() > white + 0.05
    assert np.ptp(frame) < 3 / 255


def test_lists_audio_codecs(tmp_path: Path, clip: Clip) -> None:
    info = probe_video(clip(tmp_path / "a.mp4", *H264, "-c:a", "aac", sound="1"))
    assert info.has_audio
    assert info.audio_codecs == ("aac",)
    silent = probe_video(clip(tmp_path / "b.mp4"))
    assert not silent.has_audio
    assert silent.audio_codecs == ()


def test_accepts_names_with_special_characters(tmp_path: Path, clip: Clip) -> None:
    strange = tmp_path / "a: %03d [x] – é.mp4"
    clip(tmp_path / "a.mp4").rename(strange)
    assert len(frames_of(probe_video(strange), tmp_path / "100% done")) == 10


def test_rejects_a_missing_video(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        probe_video(tmp_path / "a.mp4")


def test_rejects_text_named_mp4(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video\n" * 100)
    with pytest.raises(InputError, match="cannot be decoded as a video"):
        probe_video(tmp_path / "a.mp4")


def test_rejects_an_empty_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(InputError, match="is empty"):
        probe_video(tmp_path / "a.mp4")


def test_rejects_a_truncated_video(tmp_path: Path, clip: Clip) -> None:
    path = clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-2000])  # without its index
    with pytest.raises(InputError, match=r"cannot be decoded.*complete"):
        probe_video(path)


def test_rejects_sound_without_video(tmp_path: Path, ffmpeg: Tool) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", "-c:a", "aac", tmp_path / "a.mp4")
    with pytest.raises(InputError, match="sound but no video"):
        probe_video(tmp_path / "a.mp4")


def test_frames_are_numbered_and_counted(tmp_path: Path, clip: Clip) -> None:
    seen: list[int] = []
    frames = frames_of(probe_video(clip(tmp_path / "a.mp4")), tmp_path / "f", seen.append)
    assert [frame.name for frame in frames] == [f"{i:06d}.png" for i in range(10)]
    assert seen == list(range(1, 11))
    assert json.loads((tmp_path / "f" / "complete.json").read_text())["frames"] == 10
    assert sorted(os.listdir(tmp_path / "f")) == [*(f.name for f in frames), "complete.json"]


def test_complete_folder_is_reused(tmp_path: Path, clip: Clip) -> None:
    info = probe_video(clip(tmp_path / "a.mp4"))
    before = [frame.stat().st_mtime_ns for frame in frames_of(info, tmp_path / "f")]
    again = frames_of(info, tmp_path / "f")
    assert [frame.stat().st_mtime_ns for frame in again] == before


@pytest.mark.parametrize("damage", ["marker gone", "marker torn", "frame gone", "other video"])
def test_incomplete_folder_is_extracted_again(tmp_path: Path, clip: Clip, damage: str) -> None:
    info = probe_video(clip(tmp_path / "a.mp4"))
    frames = frames_of(info, tmp_path / "f")
    original = frames[3].read_bytes()
    frames[3].write_bytes(b"half")
    (tmp_path / "f" / "000099.png").write_bytes(b"left behind")
    marker = tmp_path / "f" / "complete.json"
    if damage == "marker gone":
        marker.unlink()
    elif damage == "marker torn":
        marker.write_text('{"source": "')
    elif damage == "frame gone":
        frames[5].unlink()
    else:
        os.utime(info.path, ns=(1, 1))
    assert frames_of(info, tmp_path / "f") == frames
    assert frames[3].read_bytes() == original
    assert not (tmp_path / "f" / "000099.png").exists()


def test_keeps_the_frames_before_the_damage(tmp_path: Path, clip: Clip) -> None:
    info = probe_video(clip(tmp_path / "a.mkv", size="128x128"))
    data = info.path.read_bytes()
    info.path.write_bytes(data[: len(data) // 2])
    assert 0 < len(frames_of(info, tmp_path / "f")) < 10


def test_rejects_a_video_that_was_deleted(tmp_path: Path, clip: Clip) -> None:
    info = probe_video(clip(tmp_path / "a.mp4"))
    gone = dataclasses.replace(info, path=tmp_path / "gone.mp4")
    with pytest.raises(UsageError, match="does not exist"):
        frames_of(gone, tmp_path / "f")


def test_reports_a_full_disk(tmp_path: Path, clip: Clip, tiny_disk: Path) -> None:
    info = probe_video(clip(tmp_path / "a.mp4", size="128x128"))
    with pytest.raises(OutputDiskError, match="disk is full"):
        frames_of(info, tiny_disk / "f")
    assert not (tiny_disk / "f" / "complete.json").exists()


def test_reports_a_read_only_disk(tmp_path: Path, clip: Clip, read_only_disk: Path) -> None:
    info = probe_video(clip(tmp_path / "a.mp4"))
    with pytest.raises(OutputDiskError, match="read-only"):
        frames_of(info, read_only_disk / "f")


def test_ffmpeg_dies_with_a_killed_driver(tmp_path: Path, clip: Clip, ffmpeg: Tool) -> None:
    short, path = clip(tmp_path / "short.mp4", size="160x120", rate="60"), tmp_path / "a.mp4"
    ffmpeg("-stream_loop", "399", "-i", short, "-c", "copy", path)  # not over before it is killed
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from batch_analogy.media.extract import extract_frames\n"
        "from batch_analogy.media.video import probe_video\n"
        "extract_frames(probe_video(Path(sys.argv[1])), Path(sys.argv[2]))\n"
    )
    folder = tmp_path / "f"
    driver = subprocess.Popen([sys.executable, "-c", script, str(path), str(folder)])
    while not (folder / "000009.png").exists():
        assert driver.poll() is None
        time.sleep(0.02)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not (folder / "complete.json").exists()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while str(path) in running_commands():
        assert time.monotonic() < deadline, "ffmpeg goes on"
        time.sleep(0.05)
    for frame in folder.glob("[0-9]*.png"):
        with Image.open(frame) as image:
            image.load()  # none is half written


def running_commands() -> str:
    commands = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(entry.read_text(errors="replace"))
        except OSError:
            continue  # it ended meanwhile
    return "\n".join(commands)
