"""Survey of real input: sizes, broken files, hashes."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from batch_analogy.analogy.features.weights import WeightsFile, resolve_weights
from batch_analogy.cli.console import Console
from batch_analogy.cli.plan_text import plan_notes, print_plan
from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import BatchAnalogyError, FrameError, InputError, UsageError
from batch_analogy.jobs.plan.survey import make_plan
from batch_analogy.media.stills import to_uint8, write_png
from tests.support.runs import picture, sample_config, write_frames


@pytest.fixture(scope="module")
def weights() -> WeightsFile:
    return resolve_weights()


def test_frames_are_in_natural_order_and_hashed(tmp_path: Path, weights: WeightsFile) -> None:
    plan = make_plan(sample_config(tmp_path, 11), weights=weights)
    assert [frame.name for frame in plan.frames] == [f"img{i}.png" for i in range(11)]
    assert len({frame.blake2b for frame in plan.frames}) == 11
    assert (plan.frames[0].height, plan.frames[0].width) == (64, 80)
    assert (plan.reference_height, plan.reference_width) == (70, 66)


def test_an_unchanged_file_is_not_hashed_again(tmp_path: Path, weights: WeightsFile) -> None:
    config = sample_config(tmp_path, 2)
    first = make_plan(config, weights=weights)
    wrong = msgspec.structs.replace(first.frames[0], blake2b="as remembered")
    remembered = msgspec.structs.replace(first, frames=(wrong, *first.frames[1:]))
    assert make_plan(config, weights=weights, previous=remembered).frames[0] == wrong
    os.utime(tmp_path / "in/img0.png", ns=(1, 1))
    again = make_plan(config, weights=weights, previous=remembered)
    assert again.frames[0].blake2b == first.frames[0].blake2b


def test_a_file_that_is_not_a_picture_is_unusable(tmp_path: Path, weights: WeightsFile) -> None:
    config = sample_config(tmp_path, 3)
    (tmp_path / "in/img1.png").write_text("shopping list")
    plan = make_plan(config, weights=weights)
    assert [frame.error is None for frame in plan.frames] == [True, False, True]
    assert "img1.png" in str(plan.frames[1].error)


def test_a_frame_of_another_size_fails_unless_only_the_reference_is_shown(
    tmp_path: Path, weights: WeightsFile
) -> None:
    config = sample_config(tmp_path, 3)
    write_png(tmp_path / "in/img2.png", picture(2, 40, 40))
    plan = make_plan(config, weights=weights)
    assert [frame.error is None for frame in plan.frames] == [True, True, False]
    assert "40×40 px, most frames are 80×64" in str(plan.frames[2].error)
    plan = make_plan(dataclasses.replace(config, target="reference"), weights=weights)
    assert all(frame.error is None for frame in plan.frames)


def test_refuses_frames_without_a_majority_size(tmp_path: Path, weights: WeightsFile) -> None:
    config = sample_config(tmp_path, 4)
    write_png(tmp_path / "in/img0.png", picture(0, 40, 40))
    write_png(tmp_path / "in/img1.png", picture(1, 40, 40))
    with pytest.raises(InputError, match="none prevails"):
        make_plan(config, weights=weights)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("reference missing", UsageError, "reference .* does not exist"),
        ("reference broken", FrameError, "reference.png"),
        ("source missing", UsageError, "does not exist"),
        ("source empty", InputError, "is empty"),
        ("all broken", InputError, "none of the 2 frames"),
    ],
)
def test_refuses_input_that_cannot_be_used(
    tmp_path: Path, weights: WeightsFile, kind: str, error: type[BatchAnalogyError], message: str
) -> None:
    config = sample_config(tmp_path, 2)
    if kind == "reference missing":
        (tmp_path / "reference.png").unlink()
    elif kind == "reference broken":
        data = (tmp_path / "reference.png").read_bytes()
        (tmp_path / "reference.png").write_bytes(data[: len(data) // 2])
    else:
        for path in write_frames(tmp_path / "in", 2):
            path.unlink() if kind != "all broken" else path.write_text("x")
        if kind == "source missing":
            (tmp_path / "in").rmdir()
    with pytest.raises(error, match=message):
        make_plan(config, weights=weights)


@pytest.mark.parametrize(("gpus", "segments"), [(0.0, 20), (1.0, 2)])
def test_segments_on_a_gpu_are_as_long_as_its_batches(
    tmp_path: Path, weights: WeightsFile, gpus: float, segments: int
) -> None:
    config = dataclasses.replace(
        sample_config(tmp_path, 20),
        segment_frames=None,
        execution=ExecutionConfig(gpus_per_worker=gpus),
    )
    assert len(make_plan(config, weights=weights).segments) == segments


def test_orders_stills_without_numbered_names_by_time(
    tmp_path: Path, weights: WeightsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    config = sample_config(tmp_path, 1)
    (tmp_path / "in/img0.png").unlink()
    for second, name in enumerate(["dawn.jpg", "noon.jpg", "dusk.jpg"]):
        exif = Image.Exif()
        exif.get_ifd(0x8769).update({0x9003: f"2026:03:01 18:30:0{second}"})
        Image.fromarray(to_uint8(picture(second))).save(tmp_path / "in" / name, exif=exif)
    plan = make_plan(config, weights=weights)
    assert [(f.index, f.name) for f in plan.frames] == [
        (0, "dawn.jpg"),
        (1, "noon.jpg"),
        (2, "dusk.jpg"),
    ]
    assert make_plan(config, weights=weights, previous=plan).frames == plan.frames
    print_plan(Console(False), config, plan)
    shown = capsys.readouterr().out
    assert "by EXIF capture time" in shown
    assert "the names suggest another order: dusk.jpg follows noon.jpg" in shown
    by_name = make_plan(dataclasses.replace(config, order="name"), weights=weights)
    assert [frame.name for frame in by_name.frames] == ["dawn.jpg", "dusk.jpg", "noon.jpg"]


def test_reports_lost_frames_and_can_refuse_them(
    tmp_path: Path, weights: WeightsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    config = sample_config(tmp_path, 9)
    for lost in (3, 6, 7):
        (tmp_path / f"in/img{lost}.png").unlink()
    plan = make_plan(config, weights=weights)
    print_plan(Console(False), config, plan)
    shown = capsys.readouterr().out
    assert "3 frames seem to be missing: 3, 6-7" in shown
    assert "shows the frame before each gap" in shown
    assert list(plan_notes(dataclasses.replace(config, on_missing="skip"), plan)) == [
        "3 frames seem to be missing: 3, 6-7",
        "the film continues without them",
    ]
    with pytest.raises(InputError, match=r"leave out 3, 6-7; put them back, or give --on-missing"):
        make_plan(dataclasses.replace(config, on_missing="error"), weights=weights)
    (tmp_path / "in/img4.png").unlink()
    plan = make_plan(dataclasses.replace(config, on_missing="error"), weights=weights)
    assert list(plan_notes(config, plan)) == [], "too many to be lost"


def test_reports_a_reference_among_the_frames(
    tmp_path: Path, weights: WeightsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    config = sample_config(tmp_path, 3)
    plan = make_plan(config, weights=weights)
    assert list(plan_notes(config, plan)) == []
    config = dataclasses.replace(config, reference=tmp_path / "in/img1.png")
    plan = make_plan(config, weights=weights)
    (note,) = plan_notes(config, plan)
    assert "the reference img1.png lies among the frames and is frame 1 of the film" in note
    print_plan(Console(False), config, plan)
    assert note in capsys.readouterr().out
    left_out = msgspec.structs.replace(plan, leave_out=frozenset({1}))
    assert list(plan_notes(config, left_out)) == []


def test_a_pattern_finds_no_frames_in_the_run_folder(tmp_path: Path, weights: WeightsFile) -> None:
    config = sample_config(tmp_path, 2, source=str(tmp_path / "**/img*.png"))
    before = make_plan(config, weights=weights)
    write_png(config.run_dir / "frames/img7.png", picture(7))
    write_png(tmp_path / "film.run of yesterday/img8.png", picture(8))
    plan = make_plan(config, weights=weights, previous=before)
    assert [Path(frame.source).name for frame in plan.frames] == [
        "img8.png",
        "img0.png",
        "img1.png",
    ]


def test_pictures_that_are_in_the_cloud_alone_are_not_called_missing(
    tmp_path: Path, weights: WeightsFile
) -> None:
    config = sample_config(tmp_path, 6)
    (tmp_path / "in/img3.png").unlink()
    (tmp_path / "in/.img3.png.icloud").write_bytes(b"bplist00")
    notes = list(plan_notes(config, make_plan(config, weights=weights)))
    assert any("called like some: .img3.png.icloud" in note for note in notes), notes
    assert not any("missing" in note for note in notes)
    (tmp_path / "in/.img3.png.icloud").rename(tmp_path / "in/._img3.png")
    notes = list(plan_notes(config, make_plan(config, weights=weights)))
    assert any("1 frame seems to be missing" in note for note in notes), notes
