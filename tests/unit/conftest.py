"""Disks that are too small or read-only, and ffmpeg's own test clips."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest


def mount_tmpfs(folder: Path, options: str) -> None:
    folder.mkdir(exist_ok=True)
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("no mount command here")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"this user may not mount a disk: {done.stderr.strip()}")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 64 KiB."""
    folder = tmp_path / "tiny"
    mount_tmpfs(folder, "size=64k")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk mounted read-only."""
    folder = tmp_path / "read-only"
    mount_tmpfs(folder, "ro")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def run_tool(*arguments: str | Path) -> bytes:
    """Run ffmpeg as it is, not through the code under test; its output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def make_clip(
    path: Path,
    *options: str,
    size: str = "64x48",
    rate: str = "10",
    seconds: str = "1",
    sound: str | None = None,
) -> Path:
    """A test pattern as H.264 (or as the options say), with a tone of ``sound`` seconds."""
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    if sound is not None:
        source += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={sound}"]
    run_tool(*source, *(options or ("-c:v", "libx264", "-pix_fmt", "yuv420p")), path)
    return path


@pytest.fixture
def clip() -> Callable[..., Path]:
    """``make_clip``, as a fixture because test folders are no packages."""
    return make_clip


@pytest.fixture
def ffmpeg() -> Callable[..., bytes]:
    """``run_tool``, likewise."""
    return run_tool
