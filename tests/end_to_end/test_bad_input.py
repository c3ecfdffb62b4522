"""Bad input: one clear message and the right exit code for each, and no frame is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from batch_analogy.media.video import probe_video
from tests.support.command_line import (
    COMMAND,
    HERE,
    QUICK,
    Call,
    Ended,
    environment,
    finished_frames,
    frame_times,
    run,
    truncate,
    write_frames,
    write_picture,
)

pytestmark = pytest.mark.smoke  # quick, and the errors that people meet first


def test_rejects_a_missing_folder(reference: Path, tmp_path: Path) -> None:
    ended = run("timelapse", reference, tmp_path / "nowhere", "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(2, "nowhere", "does not exist")
    assert not (tmp_path / "f.run").exists()


def test_rejects_a_missing_reference(call: Call, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    ended = call("timelapse", tmp_path / "none.jpg", frames, "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(2, "none.jpg", "does not exist")


def test_rejects_an_empty_folder(call: Call, reference: Path, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    ended = call("timelapse", reference, tmp_path / "frames", "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(1, "frames", "empty")


def test_rejects_a_folder_without_images(call: Call, reference: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "notes.txt").write_text("no picture")
    ended = call("timelapse", reference, folder, "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(1, str(folder), ".txt")


def test_rejects_a_text_file_named_jpg_as_reference(call: Call, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    fake = tmp_path / "fake.jpg"
    fake.write_text("this is no picture")
    ended = call("timelapse", fake, frames, "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(1, "fake.jpg", "not a picture")
    call("pair", fake, fake, "-o", tmp_path / "out", *QUICK).assert_failed(1, "fake.jpg")
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_a_text_file_named_jpg_fails_one_frame(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    (frames / "img1.png").unlink()
    (frames / "img1.jpg").write_text("this is no picture")
    film = tmp_path / "film.mp4"
    ended = call("timelapse", reference, frames, "-o", film, *HERE)
    ended.assert_ended(3, "img1.jpg", "not a picture", "2 of 3 frames done")
    assert "error: " not in ended.err
    assert len(finished_frames(tmp_path / "film.run")) == 2
    assert probe_video(film).frame_count == 3  # the default holds its neighbour


@pytest.mark.long
def test_a_truncated_frame_can_be_repaired_later(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames", 3, ".jpg")
    good = (frames / "img1.jpg").read_bytes()
    truncate(frames / "img1.jpg")
    run_dir, film = tmp_path / "film.run", tmp_path / "film.mp4"
    command = ["timelapse", reference, frames, "-o", film, *HERE]
    call(*command, "--on-missing", "error").assert_ended(3, "img1.jpg", "truncated")
    assert not film.exists()
    times = frame_times(run_dir)
    assert len(times) == 2
    call(*command, "--on-missing", "skip").assert_ended(3)
    assert probe_video(film).frame_count == 2
    call(*command, "--on-missing", "hold").assert_ended(3)
    assert probe_video(film).frame_count == 3
    call("status", run_dir).assert_ended(0, "partial", "img1.jpg")

    (frames / "img1.jpg").write_bytes(good)
    call(*command).assert_ended(0, "3 of 3 frames done")
    assert {name: frame_times(run_dir)[name] for name in times} == times


def test_a_picture_of_one_pixel_is_too_small(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    dot = write_picture(frames / "img1.png", 0, 1, 1)
    ended = call("timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE)
    ended.assert_ended(3, "img1.png", "1×1", "at least 16")
    call("pair", dot, reference, "-o", tmp_path / "out", *QUICK).assert_failed(1, "1×1")
    ended = call("timelapse", dot, frames, "-o", tmp_path / "dot.mp4", *HERE)
    ended.assert_failed(1, "img1.png", "1×1")


@pytest.mark.long
def test_a_panorama_of_20000_pixels_can_be_a_frame(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    write_picture(tmp_path / "frames" / "wide.png", 0, 40, 20_000)
    film = tmp_path / "film.mp4"
    call("timelapse", reference, tmp_path / "frames", "-o", film, *HERE).assert_ended(0)
    frame = tmp_path / "film.run" / "frames" / "a_prime" / "000000.png"
    assert Image.open(frame).size == (20_000, 40)
    assert probe_video(film).width <= 16_384  # H.264 has no wider pictures


def test_frames_of_another_size_fail(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    write_picture(frames / "img1.png", 1, 48, 64)
    film = tmp_path / "film.mp4"
    call("timelapse", reference, frames, "-o", film, *HERE).assert_ended(3, "64×48", "80×64")
    info = probe_video(film)
    assert (info.height, info.width, info.frame_count) == (64, 80, 3)


def test_rejects_frames_without_a_prevailing_size(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    for index, width in enumerate((64, 72, 80)):
        write_picture(tmp_path / "frames" / f"{index}.png", index, 64, width)
    ended = call("timelapse", reference, tmp_path / "frames", "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(1, "64×64", "72×64", "different sizes")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--quality", "lots", ["--quality", "lots", "draft", "paper"]),
        ("--target", "sky", ["--target", "sky", "reference"]),
        ("--preset", "oil", ["--preset", "oil", "photo-to-style"]),
        ("--on-missing", "cry", ["--on-missing", "cry", "hold"]),
        ("--fps", "fast", ["--fps", "fast", "23.976"]),
        ("--workers", "many", ["--workers", "integer"]),
        ("--frobnicate", "1", ["--frobnicate"]),
    ],
)
def test_rejects_unknown_option_values(
    option: str, value: str, words: list[str], call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    call("timelapse", reference, frames, option, value).assert_ended(2, *words)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--blend-weight", "9", ["blend weight is 9", "1, 2 or 3"]),
        ("--ratio", "0", ["ratio is 0", "between 0.1 and 1"]),
        ("--crf", "99", ["crf is 99"]),
        ("--fps", "0", ["fps is 0"]),
        ("--workers", "0", ["workers is 0"]),
        ("--start-timeout", "0", ["start time-out is 0 s", "above 0"]),
        ("--size", "0.000001", ["matching area is 1"]),
        ("--scales", "0.7;1", ["--scales", "0.7,1,1.4"]),
        ("--scales", "9", ["0.25 and 4"]),
        ("--smoothness", "2", ["smoothness is 2"]),
        ("--output", "film.xyz", ["film.xyz", ".mp4"]),
        ("--weights", "absent.pth", ["absent.pth", "does not exist"]),
    ],
)
def test_rejects_option_values_out_of_range(
    option: str,
    value: str,
    words: list[str],
    call: Call,
    reference: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    frames = write_frames(tmp_path / "frames", 1)
    ended = call("timelapse", reference, frames, *HERE, option, value)
    ended.assert_failed(4 if option == "--weights" else 2, *words)
    assert not list(tmp_path.glob("*.mp4"))


def test_rejects_an_output_that_exists(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    film = tmp_path / "film.mp4"
    film.write_text("precious")
    command = ["timelapse", reference, frames, "-o", film, *HERE]
    call(*command).assert_failed(2, "film.mp4", "exists", "--overwrite")
    assert film.read_text() == "precious"
    call(*command, "--overwrite").assert_ended(0)
    assert probe_video(film).frame_count == 1


def test_rejects_other_settings_in_the_same_run_folder(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    command = ["timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    call(*command).assert_ended(0)
    before = finished_frames(tmp_path / "film.run")
    call(*command, "--seed", "5").assert_failed(2, "seed was 0, is 5", "--overwrite")
    assert finished_frames(tmp_path / "film.run") == before


def test_rejects_a_folder_without_a_run(call: Call, tmp_path: Path) -> None:
    call("status", tmp_path / "nowhere").assert_failed(2, "there is no run in")
    call("resume", tmp_path).assert_failed(2, "there is no run in")


def run_on_disk(options: str, arguments: list[str | Path], tmp_path: Path) -> Ended:
    """Run the command with a small disk mounted at ``disk``, then copy its files to ``kept``."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare to mount a disk of its own")
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    command = [*COMMAND, *map(str, arguments)]
    script = (
        f"mount -t tmpfs -o {options} tmpfs {disk} || exit 99\n"
        '"$@"; code=$?\n'
        f"cp -r {disk} {kept}; exit $code"
    )
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    if done.returncode == 99 or "unshare:" in done.stderr:
        pytest.skip(f"this user may not mount a disk: {done.stderr.strip()}")
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.long
def test_a_full_disk_ends_the_run(reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 6)
    film = tmp_path / "disk" / "film.mp4"
    command = ["timelapse", reference, frames, "-o", film, *HERE]
    ended = run_on_disk("size=64k", command, tmp_path)
    ended.assert_failed(4, "disk is full", str(tmp_path / "disk"))
    assert "to continue: batch-analogy resume" in ended.err
    kept = tmp_path / "kept" / "film.run"
    finished = finished_frames(kept)
    assert 1 <= len(finished) < 6
    for name in finished:
        Image.open(kept / "frames" / name).load()  # whole, not torn


@pytest.mark.long
def test_a_read_only_disk_ends_the_run(reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    disk = tmp_path / "disk"
    command = ["timelapse", reference, frames, "-o", disk / "film.mp4", *HERE]
    run_on_disk("ro", command, tmp_path).assert_failed(4, "ead-only", str(disk))


@pytest.mark.long
def test_a_read_only_disk_ends_a_pair(reference: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    command = ["pair", reference, reference, "-o", disk / "out", *QUICK]
    run_on_disk("ro", command, tmp_path).assert_failed(4, "read-only", str(disk))


def test_rejects_an_address_without_a_cluster(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    film, address = tmp_path / "f.mp4", ["--address", "127.0.0.1:1"]
    ended = call("timelapse", reference, frames, "-o", film, *QUICK, *address)
    ended.assert_failed(4, "127.0.0.1:1", "--address none")
