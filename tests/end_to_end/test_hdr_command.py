"""HDR videos through the command line: kept by photo-to-photo, turned into BT.709 by others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.media.extract import extract_frames
from batch_analogy.media.light_levels import read_light_levels
from batch_analogy.media.stills import read_space
from batch_analogy.media.video import probe_video
from tests.support.command_line import QUICK, Call
from tests.support.hdr_videos import hdr_video, stored_values

HERE = ("--address", "none", *QUICK)


def own_frame(video: Path, folder: Path) -> Path:
    """Return a frame of a video as a picture: B' that is A."""
    frame = extract_frames(probe_video(video).keeping_hdr(True), folder / "own").paths[0]
    return Path(shutil.copy(frame, folder / "reference.png"))


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
@pytest.mark.parametrize("temporal", ["on", "off"])
def test_bars_in_their_own_colours_come_back(
    tmp_path: Path, call: Call, transfer: str, temporal: str
) -> None:
    video = hdr_video(tmp_path / "bars.mp4", transfer)
    film = tmp_path / "film.mp4"
    run = ("timelapse", own_frame(video, tmp_path), video, "-o", film, "--crf", "0", *HERE)
    call(*run, "--temporal", temporal).assert_ended(0, "2 of 2 frames done")
    assert np.abs(stored_values(film) - stored_values(video)).max() <= 1
    made = probe_video(film).tags
    assert made == probe_video(video).tags
    assert read_light_levels(film) == read_light_levels(video)
    call(*run, "--temporal", temporal).assert_ended(0, "2 of 2 frames done")
    sheet = tmp_path / "film.run/preview/sheet.jpg"
    assert sheet.is_file()
    call("assemble", tmp_path / "film.run", "-o", tmp_path / "small.webp").assert_ended(0)
    call("assemble", tmp_path / "film.run", "-o", f"{tmp_path}/out/").assert_ended(0)
    assert read_space(tmp_path / "out/000001.png").transfer == transfer
    call("evaluate", tmp_path / "film.run").assert_ended(0)


def test_a_reference_of_srgb_and_part_of_its_look(
    tmp_path: Path, call: Call, reference: Path
) -> None:
    video, film = hdr_video(tmp_path / "bars.mp4", frames=1), tmp_path / "film.mp4"
    part = ("--strength", "0.5", "--blend", "2", "--text", "{frame}", "--poster", "0")
    call("timelapse", reference, video, "-o", film, *part, *HERE).assert_ended(0)
    assert probe_video(film).tags.transfer == "smpte2084"
    assert (tmp_path / "film-poster.jpg").is_file()


def test_other_presets_and_the_option_turn_it_into_bt709(
    tmp_path: Path, call: Call, reference: Path
) -> None:
    video = hdr_video(tmp_path / "bars.mp4", frames=1)
    plan = ("plan", reference, video, "--dry-run", "--address", "none")
    call(*plan, "--as", "stylize").assert_ended(0, "turned into BT.709, since only photo-to-photo")
    call(*plan).assert_ended(0, "PQ is kept")
    call(*plan, "-o", tmp_path / "o/%06d.tif").assert_ended(0, "WARNING", "%06d.png")
    call(*plan, "-o", tmp_path / "a.gif").assert_ended(0, "GIF cannot hold HDR")
    call(*plan, "--codec", "h264").assert_ended(0, "H.264 of 10 bits", "--codec h265")
    run = ("timelapse", reference, video, "-o", tmp_path / "film.mp4", *HERE)
    call(*run, "--hdr", "bt709").assert_ended(0)
    assert probe_video(tmp_path / "film.mp4").tags.transfer == "bt709"
    ended = call(*run)
    ended.assert_failed(2, "the colours bt709/bt709/bt709", "bt2020nc/bt2020/smpte2084")
    call(*run, "--overwrite").assert_ended(0)
    assert probe_video(tmp_path / "film.mp4").tags.transfer == "smpte2084"


def test_eight_bits_are_refused(tmp_path: Path, call: Call, reference: Path) -> None:
    video = hdr_video(tmp_path / "bars.mp4", frames=1)
    run = ("timelapse", reference, video, "-o", tmp_path / "film.mp4", *HERE, "--depth", "8")
    call(*run).assert_failed(2, "depth is 8", "needs 10 bits", "--hdr bt709")
    call(*run, "--dry-run").assert_failed(2, "depth is 8")
