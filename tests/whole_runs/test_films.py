"""Whole runs over videos, and runs that end in films and numbered pictures."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from batch_analogy.cli.plan_text import plan_notes
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import FilmError, OutputExistsError, PlanChangedError, UsageError
from batch_analogy.jobs.drive.open_run import dry_plan, load_finished, open_run
from batch_analogy.media import numbered_output
from batch_analogy.media.blend import FrameBlend
from batch_analogy.media.colour_tags import ColourSpace, to_wide_gamut
from batch_analogy.media.stills import read_depth, read_still, write_png, write_tiff
from batch_analogy.media.video import probe_video
from tests.support.runs import (
    DRAFT,
    frame_bytes,
    frame_identity,
    picture,
    run_here,
    sample_config,
    worked_on,
)

UNEVEN = "select='lt(n,4)+gte(n,4)*not(mod(n,4))'"  # 0 1 2 3 4 8 tenths of a second
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


def video_config(root: Path, *options: str, sound: bool = False, **settings: Any) -> RunConfig:
    """Return a draft run over a clip of twelve small frames at 10 frames a second."""
    write_png(root / "reference.png", picture(40, 70, 66))
    source = ["-f", "lavfi", "-i", "testsrc2=s=80x64:r=10:d=1.2"]
    source += ["-f", "lavfi", "-i", "sine=d=1.2"] if sound else []
    clip = root / "clip.mkv"
    tool = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    subprocess.run([*tool, *source, *(options or H264), str(clip)], check=True)
    return sample_config(root, 0, source=str(clip), command="stylize", **settings)


@pytest.fixture(autouse=True)
def _no_pictures(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()  # so that sample_config makes none


def plan_of(config: RunConfig) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((config.run_dir / "plan.json").read_text())
    return values


def seconds_of(path: Path) -> list[float]:
    return [round(float(t), 3) for t in probe_video(path).times.seconds]


def test_a_film_keeps_its_videos_times_and_sound(tmp_path: Path) -> None:
    config = video_config(
        tmp_path, "-vf", UNEVEN, "-fps_mode", "vfr", *H264, sound=True, keep_audio=True
    )
    run_here(config)
    assert [frame["time"] for frame in plan_of(config)["frames"]] == [
        "0", "1/10", "1/5", "3/10", "2/5", "4/5",
    ]  # fmt: skip
    assert seconds_of(config.output) == [0, 0.1, 0.2, 0.3, 0.4, 0.8]
    film = probe_video(config.output)
    assert film.has_audio
    assert film.times.duration == probe_video(tmp_path / "clip.mkv").times.duration
    _, events = run_here(config)
    assert worked_on(events) == []
    with load_finished(config.run_dir, fps=Fraction(10)) as run:
        run.execute()
    even = probe_video(config.output)
    assert (even.fps, even.variable_rate, even.has_audio) == (10, False, False)


def test_a_film_has_its_sound_even_if_the_video_was_deleted(tmp_path: Path) -> None:
    config = video_config(tmp_path, sound=True, keep_audio=True)
    run_here(config)
    film = config.output.read_bytes()
    (tmp_path / "clip.mkv").unlink()
    again = tmp_path / "again.mp4"
    with load_finished(config.run_dir, output=again) as run:
        run.execute()
    assert again.read_bytes() == film
    (config.run_dir / "source.mkv").unlink()  # as on a disk without hard links
    with (
        load_finished(config.run_dir, output=tmp_path / "mute.mp4") as run,
        pytest.raises(FilmError, match=r"clip\.mkv, which is gone; .* --no-audio"),
    ):
        run.execute()
    with load_finished(config.run_dir, output=tmp_path / "mute.mp4", keep_audio=False) as run:
        run.execute()
    assert not probe_video(tmp_path / "mute.mp4").has_audio


def test_the_time_of_skipped_frames_is_left_out(tmp_path: Path) -> None:
    config = video_config(tmp_path, "-vf", UNEVEN, "-fps_mode", "vfr", *H264)
    run_here(config)
    plan = plan_of(config)
    (config.run_dir / "plan.json").write_text(json.dumps({**plan, "leave_out": "2,4"}))
    run_here(config)
    assert seconds_of(config.output) == [0, 0.1, 0.2, 0.3]


def test_a_part_of_a_video_is_a_plan_of_its_own(tmp_path: Path) -> None:
    config = video_config(tmp_path, start="0.3", end="00:00:00:06")
    assert len(dry_plan(config).frames) == 3
    run_here(config)
    part = frame_bytes(config.run_dir)
    assert len(part) == 3
    assert plan_of(config)["video_properties"]["time_range"] == {"start": "3/10", "end": "3/5"}
    assert not any("time" in frame for frame in plan_of(config)["frames"]), "the rate is constant"
    same = dataclasses.replace(config, start="00:00:00:03", end="0.6")
    _, events = run_here(same)
    assert worked_on(events) == [], "the same part, written in another way"
    other = dataclasses.replace(config, start=None)
    with pytest.raises(PlanChangedError, match=r"its part from 0\.3 s to 0\.6 s, not with its par"):
        open_run(other)
    run_here(other, overwrite=True)
    assert list(frame_bytes(config.run_dir).values())[3:6] == list(part.values())


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("5", None, "lasts 1.200 s"),
        ("0.5", "0.5", "there is no frame in"),
        ("x", None, "is not a time"),
    ],
)
def test_refuses_empty_time_ranges(tmp_path: Path, start: str, end: str | None, words: str) -> None:
    config = video_config(tmp_path, start=start, end=end)
    with pytest.raises(UsageError, match=words):
        open_run(config)
    assert not config.run_dir.exists()


def test_refuses_a_time_range_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "in").rmdir()
    with pytest.raises(UsageError, match="are for videos"):
        open_run(sample_config(tmp_path, 2, start="1"))


def test_a_film_keeps_its_videos_colours(tmp_path: Path) -> None:
    tags = "setparams=colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m:range=tv"
    config = video_config(tmp_path, "-vf", tags, *H264, end="0.2")
    run_here(config)
    expected = ColourSpace("smpte170m", "smpte170m", "smpte170m")
    assert probe_video(config.output).colours == expected


def test_ten_bits_in_ten_bits_out(tmp_path: Path) -> None:
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=bt2020-10:range=tv"
    deep = ("-vf", f"format=yuv420p10le,{tags}", "-c:v", "ffv1")
    config = video_config(tmp_path, *deep, end="0.2", codec="h265")
    run_here(config)
    assert read_depth(config.run_dir / "frames/a_prime/000001.png") == 16
    film = probe_video(config.output)
    assert (film.tags.pixel_format, film.tags.primaries) == ("yuv420p10le", "bt2020")


def test_the_reference_keeps_its_colours_in_a_wider_gamut() -> None:
    grey = np.full((4, 4, 3), 0.3, np.float32)
    np.testing.assert_allclose(to_wide_gamut(grey), grey, atol=1e-4)
    red = to_wide_gamut(np.array([[[1, 0, 0]]], np.float32))[0, 0]
    # ITU-R BT.2087: the red of BT.709 is 62.74, 6.91 and 1.64 % of BT.2020's light.
    np.testing.assert_allclose(red**2.4, [0.6274, 0.0691, 0.0164], atol=1e-4)


@pytest.mark.parametrize(("name", "depth"), [("%04d.png", 8), ("%04d.tif", 16)])
def test_writes_numbered_pictures_instead_of_a_film(tmp_path: Path, name: str, depth: int) -> None:
    pattern = tmp_path / "out" / name
    config = video_config(tmp_path, end="0.3", output=pattern)
    result, _ = run_here(config)
    assert result.films == [pattern]
    written = sorted((tmp_path / "out").iterdir())
    assert [path.stem for path in written] == ["0000", "0001", "0002"]
    assert {read_depth(path) for path in written} == {depth}
    frames = sorted((config.run_dir / "frames/a_prime").iterdir())
    for path, frame in zip(written, frames, strict=True):
        np.testing.assert_allclose(read_still(path), read_still(frame), atol=1 / 65535)
    times = [path.stat().st_mtime_ns for path in written]
    run_here(config)
    assert [path.stat().st_mtime_ns for path in written] == times, "they were up to date"


@pytest.mark.parametrize("kind", ["tif", "png"])
def test_sixteen_bits_in_sixteen_bits_out(tmp_path: Path, kind: str) -> None:
    write_png(tmp_path / "reference.png", picture(40, 70, 66))
    ramp = picture(0) * np.float32(0.02) + np.float32(0.4)  # five steps of 8 bits
    for index in range(2):
        write = write_tiff if kind == "tif" else write_png
        write(tmp_path / f"in/{index}.{kind}", ramp, 16)
    pattern = tmp_path / "out/%06d.tif"
    config = sample_config(tmp_path, 0, output=pattern)
    config = dataclasses.replace(config, analogy=dataclasses.replace(DRAFT, refine="affine"))
    result, _ = run_here(config)
    assert (result.done, result.films) == (2, [pattern])
    for path in [config.run_dir / "frames/a_prime/000000.png", tmp_path / "out/000001.tif"]:
        assert read_depth(path) == 16
        assert len(np.unique(read_still(path))) > 1000
    assert list(plan_notes(config, dry_plan(config))) == []


def test_does_not_replace_pictures_that_the_run_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "0007.png").write_text("precious")
    (tmp_path / "out" / "notes.txt").write_text("unrelated")
    config = video_config(tmp_path, end="0.2", output=tmp_path / "out" / "%04d.png")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        open_run(config)
    assert (tmp_path / "out" / "0007.png").read_text() == "precious"


@pytest.mark.parametrize(
    ("source", "name", "refused"),
    [
        ("in", "in/film%02d.png", True),
        ("in/*.png", "in/film%02d.png", True),
        ("**/*.png", "in/film%02d.png", True),
        ("in/**/*.png", "in/film%02d.png", True),
        ("in", "in/film/%02d.png", False),
        ("in/img*.png", "in/film%02d.png", False),
        ("in/*.png", "in/film/%02d.png", False),
    ],
)
def test_refuses_to_write_pictures_among_the_frames(
    tmp_path: Path, source: str, name: str, refused: bool
) -> None:
    write_png(tmp_path / "reference.png", picture(40, 70, 66))
    write_png(tmp_path / "in/img0.png", picture(0))
    config = sample_config(tmp_path, 1, source=str(tmp_path / source), output=tmp_path / name)
    if not refused:
        open_run(config).close()
        return
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="lies among the frames"):
            open_run(config, overwrite=overwrite)


def test_removes_surplus_pictures_of_an_earlier_film(tmp_path: Path) -> None:
    config = video_config(tmp_path, end="0.3", output=tmp_path / "out" / "%d.png")
    run_here(config)
    (tmp_path / "out" / "9.png").write_text("somebody else's")
    run_here(dataclasses.replace(config, end="0.1"), overwrite=True)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0.png", "9.png"]


def test_removes_surplus_pictures_of_a_killed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = video_config(tmp_path, end="0.3", output=tmp_path / "out" / "%d.png")

    write = numbered_output._write

    def write_or_stop(frame: FrameBlend, path: Path, *rest: Any) -> None:
        if path.name == "2.png":
            raise KeyboardInterrupt
        write(frame, path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(numbered_output, "_write", write_or_stop)
        with pytest.raises(KeyboardInterrupt):
            run_here(config)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]
    run_here(dataclasses.replace(config, blend=3))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["0.png"]


def test_both_targets_make_two_folders_of_pictures(tmp_path: Path) -> None:
    pattern = tmp_path / "out" / "%d.png"
    run_here(video_config(tmp_path, end="0.2", target="both", output=pattern))
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert len(list((tmp_path / "out-reference").iterdir())) == 2


def test_assemble_accepts_every_film_option(tmp_path: Path) -> None:
    config = video_config(tmp_path, end="0.2")
    run_here(config)
    before = frame_identity(config.run_dir)
    for output, options, pixels in (
        ("a.mov", {"codec": "prores"}, "yuv422p10le"),
        ("b.mkv", {"codec": "ffv1"}, "bgr0"),
        ("c.mp4", {"codec": "h265", "depth": 10, "crf": 20}, "yuv420p10le"),
    ):
        path = tmp_path / output
        with load_finished(config.run_dir, output=path, **options) as run:
            assert run.execute().films == [path]
        assert probe_video(path).tags.pixel_format == pixels
    with pytest.raises(UsageError, match="to hold ProRes"):
        load_finished(config.run_dir, output=tmp_path / "d.mp4", codec="prores")
    assert frame_identity(config.run_dir) == before
