"""Timelines beside films, for editing programs: OpenTimelineIO and EDL."""

from __future__ import annotations

import builtins
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.timeline_writing import FilmTimeline, TimelineShot, write_timeline
from batch_analogy.media.video import probe_video
from tests.support.command_line import HERE, Call, picture, write_frames, write_picture

otio = pytest.importorskip("opentimelineio")
pytestmark = pytest.mark.timeout(300)


def clips(path: Path) -> list[Any]:
    """Return the clips of a timeline's first track."""
    return list(otio.adapters.read_from_file(str(path)).video_tracks()[0].find_clips())


def frames_of(clip: Any) -> tuple[int, int]:
    """Return the first frame of a clip and its length."""
    place = clip.source_range
    return place.start_time.to_frames(), place.duration.to_frames()


def marks(path: Path) -> list[tuple[str, int, int]]:
    """Return the name, the first frame and the length of every marker."""
    found = [mark for clip in clips(path) for mark in clip.markers]
    places = [mark.marked_range for mark in found]
    return [
        (mark.name, place.start_time.to_frames(), place.duration.to_frames())
        for mark, place in zip(found, places, strict=True)
    ]


def two_scenes(folder: Path) -> Path:
    """Write twelve frames with a cut after the seventh."""
    write_frames(folder, 12)
    for index in range(7, 12):
        other = np.rot90(255 - picture(index, 80, 64)).copy()
        Image.fromarray(other).save(folder / f"img{index}.png")
    return folder


def test_a_timeline_has_the_shots_and_the_failed_frames(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = two_scenes(tmp_path / "frames")
    for index in (3, 4):
        (frames / f"img{index}.png").write_bytes(b"no picture")
    film, cut = tmp_path / "my night.mp4", tmp_path / "cut.otio"
    words = ["timelapse", reference, frames, "-o", film, "--fps", "24", "--shots"]
    shots = tmp_path / "shots.txt"
    shots.write_text("0\n7\n")
    words += [shots, "--timeline", cut, *HERE]
    ended = call(*words)
    ended.assert_ended(3, f"timeline: {cut}")
    timeline = otio.adapters.read_from_file(str(cut))
    assert timeline.name == "my night"
    assert [clip.name for clip in clips(cut)] == ["Shot 1", "Shot 2"]
    assert [frames_of(clip) for clip in clips(cut)] == [(0, 7), (7, 5)]
    media = clips(cut)[0].media_reference
    assert otio.url_utils.filepath_from_url(media.target_url) == str(film)
    assert media.available_range.duration == otio.opentime.RationalTime(12, 24)
    assert probe_video(film).frame_count == 12
    assert [clip.metadata["batch_analogy"]["last"] for clip in clips(cut)] == [
        "img6.png",
        "img11.png",
    ]
    assert marks(cut) == [("frame 3 missing", 3, 1), ("frame 4 missing", 4, 1)]
    assert "img3.png" in clips(cut)[0].markers[0].comment
    content = cut.read_bytes()
    cut.unlink()
    call(*words).assert_ended(3)
    assert cut.read_bytes() == content


def test_assemble_writes_edls_and_follows_the_film(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames, film = write_frames(tmp_path / "frames", 6), tmp_path / "night.mp4"
    call("timelapse", reference, frames, "-o", film, "--fps", "24", *HERE).assert_ended(0)
    before = film.stat().st_mtime_ns
    run, edl = tmp_path / "night.run", tmp_path / "night.edl"
    call("assemble", run, "--timeline", edl).assert_ended(0)
    assert film.stat().st_mtime_ns == before
    text = edl.read_text()
    assert "00:00:00:00 00:00:00:06 00:00:00:00 00:00:00:06" in text
    assert "* FROM CLIP NAME:  night.mp4" in text
    call("assemble", run, "--hold", "2").assert_ended(0)
    assert [frames_of(clip) for clip in clips(edl)] == [(0, 12)]
    call("assemble", run, "-o", tmp_path / "other.mp4").assert_ended(0)
    assert "night.mp4" in edl.read_text()
    pictures = f"{tmp_path}/out/%04d.png"
    numbered = tmp_path / "numbered.otio"
    call("assemble", run, "-o", pictures, "--timeline", numbered).assert_ended(0)
    media = clips(numbered)[0].media_reference
    assert media.target_url_for_image_number(3).endswith("/out/0003.png")
    call("assemble", run, "--timeline", "none").assert_ended(0)
    edl.unlink()
    call("assemble", run, "--fps", "25").assert_ended(0)
    assert not edl.exists()


def test_a_video_has_its_sound_in_the_timeline_and_its_frames_left_out(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    clip, film = tmp_path / "clip.mp4", tmp_path / "film.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001:d=0.2"]
    sound = ["-f", "lavfi", "-i", "sine=d=0.2", "-pix_fmt", "yuv420p"]
    assert run_ffmpeg([*source, *sound, str(clip)]).code == 0
    words = ["stylize", reference, clip, "-o", film, "--timeline", tmp_path / "a.otio", *HERE]
    call("plan", *words[1:], "--as", "stylize").assert_ended(0)
    plan = tmp_path / "film.run/plan.json"
    plan.write_text(plan.read_text().replace('"leave_out": ""', '"leave_out": "1-2"'))
    call(*words).assert_ended(0)
    tracks = otio.adapters.read_from_file(str(tmp_path / "a.otio")).tracks
    assert [track.kind for track in tracks] == ["Video", "Audio"]
    assert frames_of(tracks[1][0]) == (0, 6)
    assert tracks[1][0].source_range.duration.rate == pytest.approx(30000 / 1001)
    assert marks(tmp_path / "a.otio") == [("frames 1-2 left out", 1, 2)]


def test_painted_films_mark_the_frames_to_paint_next(call: Call, tmp_path: Path) -> None:
    frames = two_scenes(tmp_path / "frames")
    key = write_picture(tmp_path / "painted.png", 0)
    cut, film = tmp_path / "cut.otio", tmp_path / "film.mp4"
    words = ["analogy", frames, "--key", f"img0.png={key}", "-o", film, "--timeline", cut]
    call(*words, "--size", "0.0041", "--address", "none").assert_ended(0)
    named = call("suggest", tmp_path / "film.run")
    named.assert_ended(0)
    suggested = [name for name, _, _ in marks(cut)]
    assert len(suggested) >= 1
    first = suggested[0].split()[1]
    assert suggested[0] == f"frame {first} to paint"
    assert f"img{first}.png" in named.out


def test_what_cannot_be_written_is_refused_while_planning(
    call: Call, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = write_frames(tmp_path / "frames", 2)
    words = ["timelapse", reference, frames, "-o", tmp_path / "a.mp4", *HERE, "--timeline"]
    call(*words, tmp_path / "cut.xml").assert_failed(2, "must end in .otio", ".edl")
    (tmp_path / "mine.otio").write_text("mine")
    call(*words, tmp_path / "mine.otio").assert_failed(2, "mine.otio exists and was not made by")
    edl = [*words, tmp_path / "cut.edl", "--fps", "12"]
    call(*edl, "--dry-run").assert_failed(2, "no timecode for 12 frames/s", ".otio")
    both = ["timelapse", reference, frames, tmp_path, *words[3:], tmp_path / "c.otio"]
    call(*both).assert_failed(2, "would be made from")
    take = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "opentimelineio":
            raise ImportError(name)
        return take(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    call(*words, tmp_path / "cut.otio").assert_failed(4, "pip install 'batch-analogy[otio]'")


def test_names_of_other_encodings_are_written_as_far_as_they_can_be(tmp_path: Path) -> None:
    film = tmp_path / "caf\udce9.mp4"
    timeline = FilmTimeline(film, Fraction(24), 4, [TimelineShot(0, 4, "Shot 1")])
    for name in ("cut.otio", "cut.edl"):
        write_timeline(tmp_path / name, timeline)
        media = clips(tmp_path / name)[0].media_reference
        assert media.target_url.endswith("/caf%E9.mp4")
