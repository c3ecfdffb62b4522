"""Timelines of editing programs as the frames: OpenTimelineIO and EDL."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batch_analogy.errors import InputError
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.timeline_reading import read_cut
from batch_analogy.media.video import probe_video
from tests.support.command_line import HERE, Call, write_frames

otio = pytest.importorskip("opentimelineio")
schema = otio.schema
pytestmark = pytest.mark.timeout(300)

AS_IT_IS = ("--strength", "0", *HERE)
"""Options that leave frames as they are, so that each can be recognised in the result."""


def shoot(path: Path, hue: int, *, rate: str = "24", size: str = "64x48", code: str = "") -> Path:
    """Write a video of 24 frames without loss, all of them different."""
    source = f"testsrc2=s={size}:r={rate}:d=2,hue=h={hue},trim=end_frame=24"
    timecode = ["-timecode", code] if code else []
    coded = ["-c:v", "libx264rgb", "-qp", "0", "-g", "5", *timecode, str(path)]
    assert run_ffmpeg(["-f", "lavfi", "-i", source, *coded]).code == 0
    return path


def frames_of(video: Path, folder: Path) -> list[bytes]:
    """Return the pixels of each frame."""
    folder.mkdir(parents=True)
    assert run_ffmpeg(["-i", str(video), str(folder / "%04d.png")]).code == 0
    return pixels_in(folder)


def pixels_in(folder: Path) -> list[bytes]:
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.iterdir())]
    return [picture.tobytes() for picture in pictures]


def span(start: float, count: float, rate: float = 24) -> Any:
    time = otio.opentime
    return time.TimeRange(time.RationalTime(start, rate), time.RationalTime(count, rate))


def clip(media: Path | str, start: float, count: float, available: Any = None) -> Any:
    reference = schema.ExternalReference(str(media), available)
    return schema.Clip(Path(media).stem, reference, span(start, count))


def write_cut(path: Path, *tracks: list[Any]) -> Path:
    """Write a timeline of these video tracks."""
    timeline = schema.Timeline("cut")
    for children in tracks:
        track = schema.Track(kind=schema.TrackKind.Video)
        track.extend(children)
        timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(path))
    return path


@pytest.fixture
def media(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "media").mkdir()
    return shoot(tmp_path / "media/a.mkv", 0), shoot(tmp_path / "media/b.mkv", 90)


def test_the_clips_become_one_film_in_their_order(
    call: Call, reference: Path, tmp_path: Path, media: tuple[Path, Path]
) -> None:
    a, b = media
    children = [clip(a, 5, 4), clip("media/b.mkv", 2, 3), clip(a.as_uri(), 0, 3)]
    above = [schema.Gap(source_range=span(0, 8)), clip(b, 20, 2)]
    sound = schema.Track("A1", kind=schema.TrackKind.Audio)
    cut = write_cut(tmp_path / "cut.otio", children, above)
    timeline = otio.adapters.read_from_file(str(cut))
    timeline.tracks.append(sound)
    otio.adapters.write_to_file(timeline, str(cut))
    words = ["timelapse", reference, cut, "-o", f"{tmp_path}/out/%04d.png", *AS_IT_IS]
    call(*words, "--dry-run").assert_ended(0, "4 clips of 2 videos", "10 in", "24 frames/s")
    call(*words).assert_ended(0, "10 of 10 frames", "without their sound")
    own, other = frames_of(a, tmp_path / "fa"), frames_of(b, tmp_path / "fb")
    wanted = [*own[5:9], *other[2:5], own[0], *other[20:22]]
    assert pixels_in(tmp_path / "out") == wanted
    call(*words).assert_ended(0, "10 frames done before")
    plan = read_plan(tmp_path / "out.run/plan.json")
    assert plan is not None
    assert {4, 7, 8} <= {shot.start for shot in plan.shots}
    film = tmp_path / "film.mp4"
    call("assemble", tmp_path / "out.run", "-o", film).assert_ended(0)
    assert (probe_video(film).frame_count, probe_video(film).fps) == (10, 24)
    write_cut(cut, [clip(a, 5, 5)])
    call(*words).assert_failed(2, "--overwrite")
    call(*words, "--start", "0.1", "--overwrite").assert_ended(0)
    assert pixels_in(tmp_path / "out") == own[8:10]


def test_edls_and_timecodes_are_read(call: Call, reference: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rushes/day 1"
    folder.mkdir(parents=True)
    shot = shoot(folder / "A001C002.mov", 0, rate="25", code="10:00:00:00")
    edl = tmp_path / "cut.edl"
    edl.write_text(
        "TITLE: cut\nFCM: NON-DROP FRAME\n\n"
        "001  A001C002 V     C        10:00:00:03 10:00:00:06 01:00:00:00 01:00:00:03\n"
        "* FROM CLIP NAME:  THE LAKE\n"
        "002  A001C002 V     C        10:00:00:20 10:00:00:22 01:00:00:03 01:00:00:05\n"
        "* FROM CLIP NAME:  THE LAKE\n"
    )
    words = ["stylize", reference, edl, "-o", f"{tmp_path}/out/%04d.png", *AS_IT_IS]
    call(*words).assert_failed(1, "is not in", "--media")
    call(*words, "--media", tmp_path / "rushes").assert_ended(0, "5 of 5 frames")
    own = frames_of(shot, tmp_path / "f")
    assert pixels_in(tmp_path / "out") == [*own[3:6], *own[20:22]]


def test_a_run_survives_and_its_own_timeline_comes_back(
    call: Call, reference: Path, tmp_path: Path, media: tuple[Path, Path]
) -> None:
    """What --timeline writes can be given as the input of another film."""
    film = tmp_path / "film.mkv"
    cut = write_cut(tmp_path / "cut.otio", [clip(media[0], 2, 3), clip(media[1], 2, 3)])
    words = ["timelapse", reference, cut, "-o", film, "--timeline", tmp_path / "made.otio"]
    call("preview", *words[1:], "--frames", "2", *AS_IT_IS).assert_ended(0)
    call(*words, *AS_IT_IS).assert_ended(0, "2 frames done before")
    made = otio.adapters.read_from_file(str(tmp_path / "made.otio"))
    shots = [one.source_range.duration.value for one in made.find_clips()]
    assert shots[:2] == [3, 3]
    again = ["timelapse", reference, tmp_path / "made.otio", "-o", tmp_path / "again.mkv"]
    call(*again, *AS_IT_IS).assert_ended(0, "6 of 6 frames")
    folder = write_frames(tmp_path / "frames", 2)
    queue = ["timelapse", reference, cut, folder, "-o", tmp_path / "{name}.mp4", *HERE]
    call(*queue, "--dry-run").assert_ended(0, "film 2 of 2", "cut.mp4")


def test_what_only_the_editing_program_can_make_is_named(
    call: Call, reference: Path, tmp_path: Path, media: tuple[Path, Path]
) -> None:
    a, b = media
    fast, frozen, off = clip(a, 0, 4), clip(a, 0, 4), clip(a, 0, 4)
    fast.effects.append(schema.LinearTimeWarp(time_scalar=2.0))
    frozen.effects.append(schema.FreezeFrame())
    off.enabled = False
    title = schema.Clip("Title", schema.GeneratorReference(), span(0, 4))
    pictures = schema.Clip("Stills", schema.ImageSequenceReference("/x"), span(0, 4))
    lost = clip("/nowhere/c.mov", 0, 4)
    late = clip(b, 20, 9)
    together = schema.Stack("Compound")
    together.append(clip(a, 0, 4))
    gap = schema.Gap(source_range=span(0, 6))
    words = ["timelapse", reference, tmp_path / "cut.otio", "-o", tmp_path / "x.mp4", *HERE]
    for child, told in (
        (fast, "clip 'a' at 0.17 s is played at 200 % of its speed"),
        (frozen, "is a freeze frame"),
        (off, "there is a gap of 0.17 s at 0.17 s"),
        (title, "clip 'Title' at 0.17 s is made by the editing program"),
        (pictures, "is a sequence of pictures; give their folder"),
        (lost, "the video 'c.mov' is not in"),
        (late, "shows 0.83 s to 1.21 s of"),
        (together, "is made of others"),
        (gap, "there is a gap of 0.25 s at 0.17 s; close it"),
    ):
        write_cut(tmp_path / "cut.otio", [clip(a, 0, 4), child, clip(b, 0, 4)])
        call(*words).assert_failed(1, told)
    write_cut(tmp_path / "cut.otio", [lost.deepcopy(), fast.deepcopy()])
    call(*words).assert_failed(1, "'c.mov'", "200 %")
    other = shoot(tmp_path / "media/c.mov", 0, size="80x64")
    write_cut(tmp_path / "cut.otio", [clip(a, 0, 2), clip(other, 0, 2)])
    call(*words).assert_failed(1, "64×48", "80×64")
    over = ["timelapse", reference, tmp_path / "cut.otio", "-o", other, "--overwrite", *HERE]
    call(*over).assert_failed(2, "is a video of the timeline")
    for text, told in (("{}", "holds no timeline"), ("", "cannot be read as a timeline")):
        (tmp_path / "cut.otio").write_text(text)
        call(*words).assert_failed(1, told)
    write_cut(tmp_path / "cut.otio", [])
    call(*words).assert_failed(1, "no clips")
    (tmp_path / "cut.otio").unlink()
    call(*words).assert_failed(2, "does not exist")
    bad = ["timelapse", reference, tmp_path / "bad.edl", *words[3:]]
    event = "001  a  V  C  00:00:00:00 00:00:00:04 00:00:00:00 00:00:00:04\n"
    for text in ("no edl\n", event.replace("C", "K", 1)):
        (tmp_path / "bad.edl").write_text(text)
        call(*bad, "--media", a.parent).assert_failed(1, "cannot be read")


def test_a_clip_without_a_range_shows_its_whole_video(
    tmp_path: Path, media: tuple[Path, Path]
) -> None:
    whole = schema.Clip("b", schema.ExternalReference("media/b.mkv"))
    cut = write_cut(tmp_path / "cut.otio", [clip(media[0], 5, 4), whole])
    clips, infos = read_cut(cut)
    assert [(one.start, one.end) for one in clips] == [
        (Fraction(5, 24), Fraction(9, 24)),
        (0, 1),
    ]
    assert [info.path.name for info in infos] == ["a.mkv", "b.mkv"]
    cut.write_text(cut.read_text().replace('"value": 4.0', '"value": NaN'))
    with pytest.raises(InputError, match=r"the length of 'a' at 0\.00 s: nan at 24\.0 a second"):
        read_cut(cut)


def test_transitions_become_cuts_with_a_warning(
    call: Call,
    reference: Path,
    tmp_path: Path,
    media: tuple[Path, Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    a, b = media
    half = otio.opentime.RationalTime(2, 24)
    dissolve = schema.Transition("Cross Dissolve", "SMPTE_Dissolve", half, half)
    cut = write_cut(tmp_path / "cut.otio", [clip(a, 4, 4), dissolve, clip(b, 4, 4)])
    words = ["timelapse", reference, cut, "-o", f"{tmp_path}/out/%04d.png", *AS_IT_IS]
    call(*words).assert_ended(0)
    assert "'Cross Dissolve' becomes a cut" in caplog.text
    own, other = frames_of(a, tmp_path / "fa"), frames_of(b, tmp_path / "fb")
    assert pixels_in(tmp_path / "out") == [*own[4:8], *other[4:8]]
